internal import CPmem
internal import Glibc
internal import Synchronization

/// Keeps the leases and seals of a store's files for as long as it is open, on a thread that takes the kernel's
/// announcements.
///
/// A visitor, somebody who opens a file of ours, is let in at once, and stores stand still only where the visitor
/// could do harm: by sharing our blocks, or by writing. When the visitor has gone, the lease is taken again, the block
/// map is measured, sharing is repaired, and stores go on. docs/lease.md tells the whole story.
final class LeaseKeeper: @unchecked Sendable {
    /// What is known of one file.
    private struct Kept {
        var leased: LeasedFile
        var seal: ExtentSeal?
        var sealRefusal: String
        var leaseRefusal: SystemFailure?
    }

    let health: MappingHealth
    let ground: LeaseGround
    private let files = Locked<[Kept]>([])
    /// The watching thread's number for the kernel; 0: there is none.
    private let watcher = Atomic<Int32>(0)
    private let isEnding = Atomic<Bool>(false)
    private let visitCount = Atomic<UInt64>(0)
    private let stoppedNanoseconds = Atomic<UInt64>(0)
    private var thread: NamedThread?

    /// Until then, adopting a file waits for others to close it; later, the watching thread does.
    private let waitsUntil = cpm_monotonic_nanoseconds() + 100_000_000

    /// How often the map is looked at while nobody announces anything, in nanoseconds.
    private static let lookInterval: Int64 = 1_000_000_000
    /// Between two attempts to take a lease back: the shortest for visitors who only look in, then longer and longer.
    private static let shortestPause: Int64 = 10_000
    private static let shortAttempts = 30
    private static let longestPause: Int64 = 10_000_000

    init(health: MappingHealth, ground: LeaseGround) {
        self.health = health
        self.ground = ground
    }

    // MARK: Files

    /// Takes the lease on a file; a file that is mapped is sealed, if that was asked for.
    ///
    /// - Parameter accepts: Whether the kernel lets a first store to the file's mapping pass, tried anew.
    func adopt(_ leased: LeasedFile, whileAccepted accepts: () -> Bool) {
        var kept = Kept(leased: leased, seal: nil, sealRefusal: ground.sealRefusal ?? "", leaseRefusal: nil)
        do throws(SystemFailure) {
            let thread = watcher.load(ordering: .acquiring)
            try ExtentLease.take(leased.file, thread: thread, until: waitsUntil)
        } catch {
            kept.leaseRefusal = error
        }
        if ground.sealRefusal == nil {
            do throws(ExtentSeal.Refusal) {
                kept.seal = try ExtentSeal.set(on: leased.file) { accepts() && leased.verdict() == .same }
            } catch {
                kept.sealRefusal = error.reason
            }
        }
        files.withLock { $0.append(kept) }
    }

    /// A file's map has grown; what was there before is the same.
    func replace(_ leased: LeasedFile) {
        files.withLock { files in
            guard let index = files.firstIndex(where: { $0.leased.file === leased.file }) else { return }
            files[index].leased = leased
        }
    }

    /// Runs `body` while a file is not sealed, because what it does is forbidden then: growing, cutting, removing.
    func withoutSeal<R>(_ file: OpenFile, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        let seal = files.withLock { files in files.first { $0.leased.file === file }?.seal }
        if seal != nil { ExtentSeal.clear(file) }
        defer { if let seal { _ = seal.renew(on: file) } }
        return try body()
    }

    /// Lets go of a file that is about to be removed.
    func dismiss(_ file: OpenFile) {
        let gone = files.withLock { files in
            guard let index = files.firstIndex(where: { $0.leased.file === file }) else {
                return nil as Kept?
            }
            return files.remove(at: index)
        }
        if let gone { Self.letGo(gone) }
    }

    /// Lets go of every lease and seal. Behind ``end()``.
    func dismissAll() {
        let all = files.withLock { files in
            defer { files = [] }
            return files
        }
        for kept in all { Self.letGo(kept) }
    }

    private static func letGo(_ kept: Kept) {
        if kept.seal != nil { ExtentSeal.clear(kept.leased.file) }
        ExtentLease.release(kept.leased.file)
    }

    // MARK: Looking

    /// Measures every map. What can be repaired is repaired soon, by the watching thread.
    ///
    /// - Throws: ``StoreError/OpenFailure/extentsChanged(path:reason:)``; unless it can be repaired, the mapping then
    ///   counts as broken.
    /// - Parameter toleratesShares: Leaves what can be repaired to the watching thread, and is content.
    func verify(toleratesShares: Bool = false) throws(StoreError) {
        for leased in files.withLock({ $0.map(\.leased) }) {
            switch leased.verdict() {
            case .same: continue
            case .shared(let reason):
                if let thread {
                    thread.signal(ExtentLease.signal)
                    if toleratesShares { continue }
                } else {
                    condemn(leased, reason)
                }
                throw .open(.extentsChanged(path: leased.path, reason: reason))
            case .changed(let reason):
                condemn(leased, reason)
                throw .open(.extentsChanged(path: leased.path, reason: reason))
            }
        }
    }

    /// How often somebody has come, and how long stores have stood still for them.
    var visits: (count: UInt64, nanoseconds: UInt64) {
        (visitCount.load(ordering: .acquiring), stoppedNanoseconds.load(ordering: .relaxed))
    }

    /// What holds now.
    var report: LeaseReport {
        files.withLock { files in
            let reports = files.map {
                LeaseReport($0.leased, $0.seal, $0.sealRefusal, $0.leaseRefusal, ground)
            }
            return reports.min { $0.level < $1.level }
                ?? LeaseReport(level: .none, reason: "the store is closed")
        }
    }

    /// - Throws: ``StoreError/OpenFailure/leaseTooWeak(path:demanded:reached:reason:)``.
    func require(_ demanded: LeaseReport.Level, path: String) throws(StoreError) {
        let reached = report
        guard reached.level < demanded else { return }
        throw .open(
            .leaseTooWeak(path: path, demanded: demanded, reached: reached.level, reason: reached.reason))
    }

    // MARK: The watching thread

    /// Watches over the files until ``end()``.
    func begin(holding traffic: any StoreTraffic) {
        thread = NamedThread(name: "pmem-lease") { [self] in watch(traffic) }
    }

    /// Ends the watching; the leases stay.
    func end() {
        isEnding.store(true, ordering: .releasing)
        thread?.signal(ExtentLease.signal)
        thread?.join()
        thread = nil
    }

    private var mustEnd: Bool { isEnding.load(ordering: .acquiring) }

    private func watch(_ traffic: any StoreTraffic) {
        cpm_sleep_exactly()
        // While a visitor is in, stores stand still: nobody gains by this thread waiting in line for a processor.
        cpm_run_first()
        watcher.store(cpm_thread_identifier(), ordering: .releasing)
        // Also for leases that were taken before this thread was there; what was announced meanwhile is seen below.
        for leased in files.withLock({ $0.map(\.leased) }) { announceHere(leased.file) }
        while !mustEnd {
            let missing = missingLeases()
            if missing.isEmpty {
                // Woken for a visitor that has gone already, or because somebody wants a look, or by the time.
                if !rest(Self.lookInterval) || missingLeases().isEmpty { look(traffic) }
            } else {
                receive(missing, traffic)
                visitCount.wrappingAdd(1, ordering: .releasing)
            }
        }
    }

    private func announceHere(_ file: OpenFile) {
        ExtentLease.announce(file, to: watcher.load(ordering: .relaxed))
    }

    /// Waits for an announcement; false: the time is up.
    private func rest(_ nanoseconds: Int64) -> Bool {
        cpm_wait_signal(ExtentLease.signal, nanoseconds) == 1
    }

    private func missingLeases() -> [OpenFile] {
        files.withLock { files in
            // Where the kernel gives no leases at all, there is nothing to wait for.
            let wanted = files.filter { $0.leaseRefusal == nil || $0.leaseRefusal?.code == EAGAIN }
            return wanted.map(\.leased.file).filter { ExtentLease.state($0) != .held }
        }
    }
}

// MARK: - Visitors

extension LeaseKeeper {
    /// Lets a visitor in, and stays until every lease is held again.
    private func receive(_ missing: [OpenFile], _ traffic: any StoreTraffic) {
        let isReader = missing.allSatisfy { ExtentLease.state($0) == .wanted(forWriting: false) }
        if isReader && !ground.canShare {
            receiveReader(missing, traffic)
        } else {
            receiveStranger(missing, traffic)
        }
    }

    /// A reader where nothing can be shared does no harm: stores go on all the time.
    private func receiveReader(_ missing: [OpenFile], _ traffic: any StoreTraffic) {
        for file in missing { ExtentLease.release(file) }
        var attempt = 0
        while !mustEnd, !takeAll() {
            let pause = Self.pause(attempt)
            _ = rest(pause)
            attempt += 1
            // Without the lease nobody else is announced either.
            if pause == Self.longestPause { look(traffic) }
        }
        look(traffic)
    }

    /// Whoever could share or change our blocks finds no store under way, and none begins for a while.
    private func receiveStranger(_ missing: [OpenFile], _ traffic: any StoreTraffic) {
        traffic.stop()
        let begun = cpm_monotonic_nanoseconds()
        defer {
            traffic.go()
            stoppedNanoseconds.wrappingAdd(cpm_monotonic_nanoseconds() - begun, ordering: .relaxed)
        }
        for file in missing { ExtentLease.release(file) }
        let limit = begun + ground.patienceNanoseconds
        var attempt = 0
        while !mustEnd {
            if takeAll() {
                settle(traffic)
                return
            }
            if cpm_monotonic_nanoseconds() < limit {
                _ = rest(Self.pause(attempt))
                attempt += 1
            } else if traffic.isWanted(within: Self.longestPause) {
                // A visitor that stays stalls nobody: writers pass, each behind a look at the map.
                settle(traffic)
                traffic.letPass()
            }
        }
        settle(traffic)
    }

    private static func pause(_ attempt: Int) -> Int64 {
        min(shortestPause << Int64(min(max(0, attempt - shortAttempts), 10)), longestPause)
    }

    /// Takes back what is missing; false: somebody still has a file open.
    private func takeAll() -> Bool {
        var isComplete = true
        let thread = watcher.load(ordering: .relaxed)
        files.withLock { files in
            for index in files.indices {
                let file = files[index].leased.file
                if ExtentLease.state(file) == .held { continue }
                if ExtentLease.state(file) != .gone { ExtentLease.release(file) }
                do throws(SystemFailure) {
                    try ExtentLease.takeOnce(file, thread: thread)
                    files[index].leaseRefusal = nil
                } catch {
                    files[index].leaseRefusal = error
                    // Only a visitor goes away.
                    if error.code == EAGAIN { isComplete = false }
                }
            }
        }
        return isComplete
    }

    // MARK: Verdicts

    /// A look without anybody standing still; only what was found makes stores stop.
    private func look(_ traffic: any StoreTraffic) {
        let isSame = health.isWhole && files.withLock { $0.allSatisfy { $0.leased.verdict() == .same } }
        if isSame {
            renewSeals()
            return
        }
        traffic.stop()
        settle(traffic)
        traffic.go()
    }

    /// While stores stand still: measures, repairs sharing, and says when the promise is broken.
    private func settle(_ traffic: any StoreTraffic) {
        for leased in files.withLock({ $0.map(\.leased) }) {
            guard health.isWhole else { break }
            if let reason = lasting(leased) { condemn(leased, reason) }
        }
        renewSeals()
        if !health.isWhole { traffic.fail(health.reason) }
    }

    /// Why a file's map is not what it was, after what can be repaired has been.
    private func lasting(_ leased: LeasedFile) -> String? {
        switch leased.verdict() {
        case .same: return nil
        case .changed(let reason): return reason
        case .shared(let reason):
            do throws(StoreError) {
                try Sharing.repair(leased)
            } catch {
                return "\(reason), which cannot be repaired: \(error)"
            }
        }
        return switch leased.verdict() {
        case .same: nil
        case .shared(let reason), .changed(let reason): "\(reason), also after a repair"
        }
    }

    private func condemn(_ leased: LeasedFile, _ reason: String) {
        if health.isWhole { health.fail("\(leased.path): \(reason)") }
    }

    private func renewSeals() {
        files.withLock { files in
            for index in files.indices {
                guard let seal = files[index].seal, !seal.isSet(on: files[index].leased.file) else {
                    continue
                }
                if !seal.renew(on: files[index].leased.file) {
                    files[index].seal = nil
                    files[index].sealRefusal = "somebody has removed the seal, and it cannot be put back"
                }
            }
        }
    }
}
