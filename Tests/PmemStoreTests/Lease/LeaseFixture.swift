internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// A small store on a file system of a chosen kind, with some pairs in it that must never be lost.
final class LeaseFixture {
    enum Ground: String, CaseIterable, Sendable {
        case ext4, xfs, tmpfs

        /// In the guest, what it has.
        static let allCases = Guest.isHere ? [ext4, xfs, tmpfs].filter(\.isAvailable) : [ext4, xfs, tmpfs]
        static let withBlocks = allCases.filter { $0 != .tmpfs }

        var kind: LoopMount.Kind? { LoopMount.Kind(rawValue: rawValue) }
        var isAvailable: Bool { kind.map(LoopMount.isAvailable) ?? true }
    }

    static let areAvailable = Ground.allCases.allSatisfy(\.isAvailable)
    static let pairs = 400

    let path: String
    var options: StoreOptions
    private(set) var store: Store
    /// Behind everything that is open on it: properties go in order.
    private let mount: LoopMount?
    private let scratch: ScratchDirectory?

    init(_ ground: Ground, _ change: (inout StoreOptions) -> Void = { _ in }) throws {
        mount = try ground.kind.map { try #require(LoopMount($0)) }
        scratch = ground.kind == nil ? ScratchDirectory(.volatileMemory) : nil
        path = try #require(mount?.store ?? scratch?.store)
        options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        change(&options)
        store = try Store.open(path, options: options)
        try store.write { tx in
            for number in 0..<Self.pairs { try tx.put(Self.value(number), forKey: Self.key(number)) }
        }
    }

    deinit { try? store.close() }

    static func commit(to store: Store) throws {
        try store.write { tx in try tx.put("value", forKey: "key") }
    }

    /// A fixture's store, in a process that has no fixture.
    static func open(_ path: String) throws -> Store {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.sealing = .never
        return try Store.open(path, options: options)
    }

    static func key(_ number: Int) -> String { "key \(number)" }
    static func value(_ number: Int) -> [UInt8] { [UInt8](repeating: UInt8(number & 255), count: 100) }

    var segment: String { path + "/" + SegmentName.sealed(0) }

    /// A place beside the store, on the same file system.
    func beside(_ name: String) -> String { path + "-" + name }

    func commit(_ number: Int = 0) throws {
        try store.write { tx in try tx.put(Self.value(number), forKey: Self.key(number)) }
    }

    /// True when every pair is there and right.
    func isComplete() throws -> Bool {
        try store.read { tx in
            for number in 0..<Self.pairs {
                if try tx.get(Self.key(number)) != Self.value(number) { return false }
            }
            return true
        }
    }

    func get(_ key: String) throws -> String? {
        try store.read { tx in try tx.get(key).map { String(decoding: $0, as: UTF8.self) } }
    }

    func reopen() throws {
        try? store.close()
        store = try Store.open(path, options: options)
    }

    /// Waits until something has become true; ten seconds at most.
    @discardableResult
    func wait(until isTrue: () -> Bool) -> Bool {
        let limit = cpm_monotonic_nanoseconds() + 10_000_000_000
        while !isTrue() {
            if cpm_monotonic_nanoseconds() > limit { return false }
            sched_yield()
        }
        return true
    }

    func waitForLease() -> Bool { wait { store.lease.level >= .noticeBeforeChange } }
}

/// A process of its own that opens a file and keeps it open until it is let go or killed.
final class Visitor {
    private let scratch = ScratchDirectory(.volatileMemory)
    private var child: pid_t = 0

    /// - Parameter access: For the shell: `<` to read, `<>` to read and write.
    convenience init(_ path: String, access: String = "<") {
        self.init(first: "exec 3\(access)'\(path)'", passing: nil)
    }

    /// One that opens nothing: it is passed a descriptor of this process.
    convenience init(inheriting descriptor: Int32) {
        self.init(first: ":", passing: descriptor)
    }

    private init(first: String, passing descriptor: Int32?) {
        let line = "\(first); touch '\(scratch.path)/in'; exec cat '\(scratch.path)/end'"
        Shell.run("mkfifo '\(scratch.path)/end'")
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("sh"), strdup("-c"), strdup(line), nil,
        ]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let descriptor { unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 3) }
        _ = unsafe posix_spawn(&child, "/bin/sh", &actions, nil, arguments, environ)
    }

    deinit { leave() }

    /// True once the file is open.
    var isIn: Bool { unsafe access(scratch.path + "/in", F_OK) == 0 }

    func stop() { kill(child, SIGSTOP) }

    func leave() {
        guard child > 0 else { return }
        kill(child, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {}
        child = 0
    }
}
