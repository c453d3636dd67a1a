internal import Glibc
internal import PmemStore

/// A store on the file system under test, made anew after every trial that has changed it, and what it has acknowledged.
final class TrialGround {
    static let byteCount: UInt64 = 8 << 20
    private static let pairs = 100

    let directory: String
    let mode: Mode
    private(set) var store: Store?
    private(set) var acknowledged = 0

    init(directory: String, mode: Mode) {
        self.directory = directory
        self.mode = mode
    }

    var path: String { directory + "/store" }
    var segment: String { path + "/segment-000000.pmem" }
    var other: String { directory + "/other" }
    var spare: String { directory + "/spare" }

    /// Nil when the mode cannot be had.
    func open() throws -> Store? {
        if let store { return store }
        let isNew = unsafe access(path, F_OK) != 0
        if isNew { acknowledged = 0 }
        let opened = try Store.open(path, options: options)
        store = opened
        if isNew {
            try commit(Self.pairs)
            // Trees on the medium, not only in memory: what is read is then what is attacked.
            try reopen()
        }
        return store
    }

    private var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = Self.byteCount
        options.logBytes = 1 << 20
        options.sealing = mode == .sealed ? .whenPossible : .never
        return options
    }

    /// Whether the store is sealed, if that is what the mode is about.
    var isAsWanted: Bool { mode == .leased || (store?.lease.reason.contains("sealed by") ?? false) }

    func reopen() throws {
        close()
        store = try Store.open(path, options: options)
    }

    func close() {
        try? store?.close()
        store = nil
    }

    /// Acknowledges some more pairs.
    func commit(_ count: Int = 1) throws {
        let numbers = acknowledged..<(acknowledged + count)
        try store?.write { tx in
            for number in numbers { try tx.put(Self.value(number), forKey: "key \(number)") }
        }
        acknowledged += count
    }

    private static func value(_ number: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(number & 255), count: 200)
    }

    /// How many acknowledged pairs are there and right. Throws what reading throws.
    func intact(in store: Store) throws -> Int {
        try store.read { tx in
            var count = 0
            for number in 0..<acknowledged where try tx.get("key \(number)") == Self.value(number) {
                count += 1
            }
            return count
        }
    }

    /// A file with the segment's bytes.
    func refreshOther() {
        Files.shell(
            "rm -f '\(other)'; cp --reflink=never --sparse=never '\(segment)' '\(other)' && sync '\(other)'")
    }

    /// A full copy of the closed store, opened.
    func openCopy() throws -> Store {
        let copy = directory + "/copy"
        Files.shell("rm -rf '\(copy)'; cp -r --reflink=never --sparse=never '\(path)' '\(copy)'")
        var options = options
        options.sealing = .never
        return try Store.open(copy, options: options)
    }

    /// Removes everything, so that the next trial begins anew.
    func clear() {
        close()
        Files.shell(
            "chattr -R -i -a '\(directory)'; rm -rf '\(path)' '\(directory)/copy' '\(other)' '\(spare)'")
    }
}
