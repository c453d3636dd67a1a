internal import CPoison
internal import Glibc
import Testing

@testable internal import PmemStore

/// Memory that cannot be read any more: the kernel answers with SIGBUS, the store with a typed error.
///
/// `UFFDIO_POISON` makes one page of the mapping so, and of the mapping only: the file stays whole.
@Suite("Faults: poisoned memory", .enabled(if: PoisonedPage.isAvailable, "needs userfaultfd with poison"))
struct PoisonTests {
    private static func value(_ number: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(number & 0xff), count: 200)
    }

    private static func makeStore(_ path: String) throws -> Store {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        let store = try Store.open(path, options: options)
        for number in 0..<400 {
            try store.write { tx in try tx.put(Self.value(number), forKey: "key \(number)") }
        }
        try store.checkpoint()
        return store
    }

    /// Where the record of a key lies.
    private static func offset(ofKey key: String, in store: Store) throws -> Int {
        let space = store.engine.space
        let catalog = NodeReference(raw: store.engine.readers.newestRoot)
        let tree = try Catalog.table(Catalog.mainTable, in: catalog, space: space)
        let reference = try unsafe Array(key.utf8).withUnsafeBytes {
            try unsafe space.lookup($0, root: tree.reference)
        }
        return Int(RecordReference(raw: reference).offset)
    }

    @Test("A read and a commit end with typed errors; the next opening finds everything")
    func page() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let store = try Self.makeStore(scratch.store)
        let base = unsafe store.engine.space.medium.base
        let offset = try Self.offset(ofKey: "key 200", in: store) & ~4095
        let poison = try unsafe #require(PoisonedPage(base + offset))
        defer { withExtendedLifetime(poison) {} }
        let error = #expect(throws: StoreError.self) {
            for number in 0..<400 {
                _ = try store.read { tx in try tx.get("key \(number)") }
            }
        }
        guard case .corrupted(let corruption) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(corruption.structure == .page && corruption.offset & ~4095 == UInt64(offset), "\(corruption)")
        let commit = #expect(throws: StoreError.self) {
            try store.write { tx in try tx.put("x", forKey: "y") }
        }
        guard case .commit(.poisoned(let reason)) = commit else {
            Issue.record("\(String(describing: commit))")
            return
        }
        #expect(reason.contains("\(scratch.store)"), "\(reason)")
        try? store.close()
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        let reopened = try Store.open(scratch.store, options: options)
        for number in 0..<400 {
            #expect(try reopened.read { tx in try tx.get("key \(number)") } == Self.value(number))
        }
        try reopened.close()
    }
}

/// A page of this process's address space whose every access is a SIGBUS, for as long as this lives.
private final class PoisonedPage {
    private let descriptor: Int32

    static var isAvailable: Bool {
        let descriptor = cpoison_open()
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }

    init?(_ address: UnsafeMutableRawPointer) {
        descriptor = cpoison_open()
        guard descriptor >= 0, unsafe cpoison_page(descriptor, address) == 0 else { return nil }
    }

    deinit { close(descriptor) }
}
