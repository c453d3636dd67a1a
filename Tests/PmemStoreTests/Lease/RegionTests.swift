internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Lease: regions of one's own")
struct RegionTests {
    private static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        return options
    }

    private static func create(_ path: String, byteCount: Int = 1 << 20) throws -> LeasedRegion {
        try LeasedRegion.create(path, byteCount: byteCount, options: options)
    }

    private static let pattern = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    @Test("What was stored is there after opening again", arguments: Place.allCases)
    func lifeCycle(place: Place) throws {
        let scratch = ScratchDirectory(place)
        do {
            let region = try Self.create(scratch.store)
            #expect(region.byteCount == 1 << 20)
            #expect(region.lease.level == .noticeBeforeChange)
            #expect(try region.bytes(in: 0..<4096).allSatisfy { $0 == 0 })
            try region.copy(Self.pattern, to: 12_345)
            try region.store(0x0102_0304_0506_0708, at: 8)
            try region.withMutableBytes(in: 100..<200) { span in
                for index in 0..<100 { span.storeBytes(of: 9, toByteOffset: index, as: UInt8.self) }
                try region.persist(100..<200)
            }
            try region.verify()
            region.close()
        }
        let region = try LeasedRegion.open(scratch.store, options: Self.options)
        #expect(try region.bytes(in: 12_345..<17_345) == Self.pattern)
        #expect(try region.load(at: 8) == 0x0102_0304_0506_0708)
        #expect(try region.bytes(in: 100..<200).allSatisfy { $0 == 9 })
    }

    @Test("A region grows at its end, in place", arguments: Place.allCases)
    func growth(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let region = try Self.create(scratch.store)
        try region.copy(Self.pattern, to: 0)
        for step in 2...6 {
            try region.grow(toByteCount: step << 20)
            #expect(region.byteCount == step << 20)
            try region.store(UInt64(step), at: region.byteCount - 8)
        }
        try region.verify()
        region.close()
        let again = try LeasedRegion.open(scratch.store, options: Self.options)
        #expect(again.byteCount == 6 << 20)
        #expect(try again.bytes(in: 0..<5000) == Self.pattern)
        for step in 2...6 { #expect(try again.load(at: step << 20 - 8) == UInt64(step)) }
    }

    @Test("What lies outside is refused")
    func bounds() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let region = try Self.create(scratch.store, byteCount: 5000)
        #expect(region.byteCount == 8192)
        let outside = StoreError.transaction(.outOfBounds(offset: 8192, byteCount: 8, limit: 8192))
        #expect(throws: outside) { try region.store(1, at: 8192) }
        #expect(throws: StoreError.transaction(.misaligned(offset: 4))) { try region.load(at: 4) }
        #expect(throws: StoreError.self) { try region.copy(Self.pattern, to: 5000) }
        #expect(throws: StoreError.self) { try region.persist(8000..<8193) }
        #expect(throws: StoreError.self) { try region.withBytes(in: -1..<5) { _ in } }
        #expect(throws: StoreError.open(.exists(path: scratch.store))) {
            _ = try Self.create(scratch.store)
        }
        #expect(throws: StoreError.self) { _ = try LeasedRegion.open(scratch.store, options: Self.options) }
        region.close()
        #expect(throws: StoreError.self) { try region.load(at: 0) }
    }

    @Test("A torn header leaves the one before; a growth that was killed leaves nothing")
    func killedGrowth() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let file = scratch.store + "/" + RegionFile.name
        try Self.create(scratch.store).close()
        // As a growth leaves it that was killed before, and in the middle of, switching the header.
        let longer = [UInt8](repeating: 0, count: 1 << 20)
        overwrite(file, at: 4096 + 1 << 20, with: longer)
        overwrite(file, at: 0, with: Array(longer.prefix(40)))
        let region = try LeasedRegion.open(scratch.store, options: Self.options)
        #expect(region.byteCount == 1 << 20)
        region.close()
        overwrite(file, at: 2048, with: Array(longer.prefix(40)))
        let error = #expect(throws: StoreError.self) {
            _ = try LeasedRegion.open(scratch.store, options: Self.options)
        }
        guard case .open(.notAStore) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A visitor gets in, a file that is cut is an error")
    func visitors() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let region = try Self.create(scratch.store)
        let file = scratch.store + "/" + RegionFile.name
        #expect(Shell.run("cmp '\(file)' '\(file)'"))
        try region.store(1, at: 0)
        #expect(unsafe truncate(file, 8192) == 0)
        #expect(throws: StoreError.self) { try region.store(1, at: 500_000) }
        #expect(throws: StoreError.self) { try region.bytes(in: 0..<8) }
    }

    @Test(
        "A sealed region grows, and nobody else may change it",
        .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"),
        arguments: [LoopMount.Kind.ext4, .xfs])
    func sealed(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        var options = Self.options
        options.minimumLease = .sealed
        let region = try LeasedRegion.create(mount.store, byteCount: 1 << 20, options: options)
        defer { region.close() }
        let file = mount.store + "/" + RegionFile.name
        #expect(!Shell.run("rm -f '\(file)'"))
        try region.grow(toByteCount: 3 << 20)
        try region.store(7, at: 3 << 20 - 8)
        #expect(region.lease.level >= .sealed)
        #expect(!Shell.run("rm -f '\(file)'"))
        try region.verify()
    }

    @Test("The example keeps the newest records")
    func example() throws {
        guard let program = ExampleProgram.path else { return }
        let scratch = ScratchDirectory(.volatileMemory)
        let list = "'\(program)' '\(scratch.store)'"
        for round in 0..<3 { #expect(Shell.run("\(list) append 'record \(round)' more")) }
        #expect(Shell.run("\(list) list | grep -q '^record 2'"))
        #expect(Shell.run("test \"$(\(list) list | grep -c -x more)\" = 3"))
    }
}

/// Beside the test runner, where the package manager builds it.
private enum ExampleProgram {
    static var path: String? {
        var link = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &link, link.count - 1)
        let bytes = link.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
        let folder = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast()
        let program = "/" + folder.joined(separator: "/") + "/ring-buffer"
        return unsafe access(program, X_OK) == 0 ? program : nil
    }
}
