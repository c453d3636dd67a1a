import ArgumentParser
import Foundation
import PmemStore
import Synchronization

/// How much a backup holds commits up. Repeats the figures of the README; not shown in the help.
struct MeasureBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure-backup",
        abstract: "Fills a store, commits to it with and without a backup under way, and compares the waits.",
        shouldDisplay: false)

    @Argument(help: "A directory, in which store and backup are made and removed again.")
    var directory: String

    @Option(help: "Size of the store in MiB.")
    var mebibytes = 1024

    @Option(help: "Commits a second, in groups of a millisecond's worth; 0: as many as there can be.")
    var rate = 20_000

    @Flag(help: "Accept media that forget at a power cut.")
    var acceptVolatile = false

    func validate() throws {
        guard (1...1 << 24).contains(mebibytes) else {
            throw ValidationError("--mebibytes must be from 1 to \(1 << 24)")
        }
        guard (0...1_000_000_000).contains(rate) else {
            throw ValidationError("--rate must be from 0 to 1000000000")
        }
    }

    func run() throws {
        let path = directory + "/measure-backup.\(getpid())"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = StoreOptions()
        options.acceptsVolatileMedium = acceptVolatile
        options.initialBytes = UInt64(mebibytes) << 20
        let store = try Store.open(path + "/store", options: options)
        let load = CommitLoad(store: store, keys: mebibytes * 880, rate: rate)
        try load.fill()
        print("store: \(load.keys) pairs of 1016 bytes, \(Text.bytes(store.statistics.fileBytes))")
        try measure(store, load, path + "/backup", options)
        try store.close()
    }

    private func measure(
        _ store: Store, _ load: CommitLoad, _ place: String, _ options: StoreOptions
    ) throws {
        var gate: [Duration] = []
        let alone = try load.during {
            // The one thing of a backup for which commits stand still: looking up how much space is in use.
            for _ in 0..<1000 {
                gate.append(ContinuousClock().measure { _ = store.statistics })
                Thread.sleep(forTimeInterval: 0.005)
            }
        }
        try store.verifyExtents()
        var report: BackupReport?
        let beside = try load.during { report = try store.backup(to: place, options: options) }
        try store.verifyExtents()
        guard let report else { return }
        print("alone:       \(alone)")
        print("with backup: \(beside)")
        gate.sort()
        print("a backup holds the write gate once: p50 \(gate[500]), longest of 1000 \(gate[999])")
        let seconds = Double(report.nanoseconds) / 1e9
        print("backup: commit \(report.commit), \(report.pairs) pairs in \(Text.decimal(seconds)) s")
        print("block maps of the source: unchanged")
        let copy = try Store.open(place, options: options)
        let wrong = try load.differences(copy, commit: report.commit)
        try copy.close()
        print("pairs of the backup that are not those of commit \(report.commit): \(wrong)")
        if wrong > 0 { throw ExitCode(1) }
    }
}

/// Commits that overwrite one pair each, whose value says by which commit.
private final class CommitLoad: Sendable {
    /// The waits of one round's commits.
    struct Waits: CustomStringConvertible {
        /// What each commit took.
        var nanoseconds: [UInt64] = []
        /// What those commits took that gave up the processor by themselves: they waited for somebody. Others that
        /// take long were put aside by the scheduler.
        var nanosecondsOfWaiting: [UInt64] = []

        var description: String {
            let sorted = nanoseconds.sorted()
            guard let longest = sorted.last else { return "no commits" }
            func at(_ share: Double) -> String {
                Self.milliseconds(sorted[Int(Double(sorted.count - 1) * share)])
            }
            let total = nanosecondsOfWaiting.reduce(0, +)
            return "\(sorted.count) commits; ms p50 \(at(0.5)), p99 \(at(0.99)), p99.9 \(at(0.999)), longest "
                + "\(Self.milliseconds(longest)); \(nanosecondsOfWaiting.count) waited, together "
                + "\(Self.milliseconds(total)), longest \(Self.milliseconds(nanosecondsOfWaiting.max() ?? 0))"
        }

        private static func milliseconds(_ nanoseconds: UInt64) -> String {
            String(format: "%.3f", Double(nanoseconds) / 1e6)
        }
    }

    let store: Store
    let keys: Int
    let rate: Int
    /// The key that each commit wrote, from the first behind the filling on.
    private let written = Mutex<[UInt32]>([])
    private let filled = Mutex<UInt64>(0)
    private let isOver = Atomic(false)
    private let outcome = Mutex<Result<Waits, any Error>>(.success(Waits()))
    private let done = DispatchSemaphore(value: 0)

    init(store: Store, keys: Int, rate: Int) {
        self.store = store
        self.keys = keys
        self.rate = rate
    }

    private static func key(_ number: Int) -> [UInt8] {
        Array(String(number + 1_000_000_000_000_000).utf8)
    }

    private static func value(_ commit: UInt64) -> [UInt8] {
        var value = [UInt8](repeating: UInt8(truncatingIfNeeded: commit), count: 1000)
        for index in 0..<8 { value[index] = UInt8(truncatingIfNeeded: commit >> UInt64(8 * index)) }
        return value
    }

    func fill() throws {
        for start in stride(from: 0, to: keys, by: 1000) {
            try store.write { tx in
                for number in start..<min(start + 1000, keys) {
                    try tx.put(Self.value(0), forKey: Self.key(number))
                }
            }
        }
        try store.checkpoint()
        filled.withLock { $0 = store.statistics.commits }
    }

    /// Commits on a thread of its own as long as `body` runs.
    func during(_ body: () throws -> Void) throws -> Waits {
        isOver.store(false, ordering: .relaxed)
        let thread = Thread { [self] in
            let result = Result { try commitUntilOver() }
            outcome.withLock { $0 = result }
            done.signal()
        }
        thread.start()
        do {
            defer {
                isOver.store(true, ordering: .relaxed)
                done.wait()
            }
            try body()
        }
        return try outcome.withLock { $0 }.get()
    }

    private func commitUntilOver() throws -> Waits {
        var waits = Waits()
        var random = written.withLock { UInt64($0.count) } &* 2_862_933_555_777_941_757 &+ 3_037_000_493
        let clock = ContinuousClock()
        let begun = clock.now
        while !isOver.load(ordering: .relaxed) {
            let due = rate == 0 ? 0 : waits.nanoseconds.count * 1000 / rate
            if begun.duration(to: clock.now) < .milliseconds(due) {
                Thread.sleep(forTimeInterval: 0.0005)
                continue
            }
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Int((random >> 33) % UInt64(keys))
            let next = filled.withLock { $0 } + UInt64(written.withLock { $0.count }) + 1
            let (key, value) = (Self.key(number), Self.value(next))
            let before = Self.switches()
            let wait = try clock.measure { try store.write { tx in try tx.put(value, forKey: key) } }
            let parts = wait.components
            let nanoseconds =
                UInt64(parts.seconds) * 1_000_000_000 + UInt64(parts.attoseconds / 1_000_000_000)
            waits.nanoseconds.append(nanoseconds)
            if Self.switches() != before { waits.nanosecondsOfWaiting.append(nanoseconds) }
            written.withLock { $0.append(UInt32(number)) }
        }
        return waits
    }

    /// How often this thread has given up the processor by itself.
    private static func switches() -> Int {
        var usage = rusage()
        _ = unsafe getrusage(.init(1), &usage)  // RUSAGE_THREAD
        return usage.ru_nvcsw
    }

    /// How many pairs of a copy are not as they were after `commit`.
    func differences(_ copy: Store, commit: UInt64) throws -> Int {
        var newest = [UInt64](repeating: 0, count: keys)
        let first = filled.withLock { $0 }
        let list = written.withLock { $0 }
        for (index, number) in list.enumerated() where first + UInt64(index) + 1 <= commit {
            newest[Int(number)] = first + UInt64(index) + 1
        }
        return try copy.read { tx in
            var wrong = abs(try tx.count() - keys)
            for number in 0..<keys where try tx.get(Self.key(number)) != Self.value(newest[number]) {
                wrong += 1
            }
            return wrong
        }
    }
}
