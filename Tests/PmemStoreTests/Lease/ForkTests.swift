internal import CPmem
internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// What becomes of a store in a process that was forked, or that was passed a descriptor of it.
@Suite(
    "Lease: fork, dup and passed descriptors",
    .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"))
struct ForkTests {
    @Test("A child of fork gets typed errors, and takes nothing from its parent", arguments: Place.allCases)
    func forked(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            try Self.forkWhileWriting(path)
        }
        let store = try Self.open(scratch.store)
        #expect(try Self.get("own", store) == "value")
        try store.close()
    }

    /// Whoever is in the midst of a commit when the process is forked is not there in the child.
    private static func forkWhileWriting(_ path: String) throws {
        let store = try open(path)
        let writing = Locked(true)
        let writer = WorkloadThread {
            while writing.withLock({ $0 }) {
                _ = try? store.write { tx in try tx.put("value", forKey: "other") }
            }
        }
        // A lock of the language's runtime that the writer held when the process was forked is never released in the
        // child, and no library can help that: seldom, a child hangs.
        var endings: [Int32?] = []
        for _ in 0..<10 {
            endings.append(Child.run { complaint(of: store, path) })
            try store.write { tx in try tx.put("value", forKey: "own") }
        }
        #expect(endings.allSatisfy { $0 == 0 || $0 == Child.hung }, "\(endings)")
        #expect(endings.count { $0 == 0 } >= 8, "\(endings)")
        writing.withLock { $0 = false }
        writer.join()
        try store.verifyExtents()
        #expect(store.lease.level >= .noticeBeforeChange)
        try store.close()
    }

    @Test("A child that goes on with a transaction commits nothing", arguments: Place.allCases)
    func forkedInTransaction(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            try Self.forkInTransaction(path)
        }
        let store = try Self.open(scratch.store)
        #expect(try Self.get("key", store) == "parent")
        try store.close()
    }

    private static func forkInTransaction(_ path: String) throws {
        let store = try open(path)
        try store.checkpoint()
        // Here too a child may hang. It must not commit in any case.
        var endings: [Int32?] = []
        while endings.count < 3, !endings.contains(0) {
            var isChild = false
            do {
                try store.write { tx in
                    try tx.put("before", forKey: "key")
                    isChild = Child.fork() == 0
                    if isChild { Child.limit(5) }
                    try tx.put(isChild ? "child" : "parent", forKey: "key")
                }
                // Only the parent gets here.
                if isChild { _exit(1) }
            } catch {
                _exit(isChild ? 0 : 2)
            }
            endings.append(Child.wait())
            #expect(try get("key", store) == "parent")
        }
        #expect(endings.contains(0) && !endings.contains(1))
        try store.close()
    }

    private static func get(_ key: String, _ store: Store) throws -> String? {
        try store.read { tx in try tx.get(key).map { String(decoding: $0, as: UTF8.self) } }
    }

    @Test("A child that lets go of the store takes nothing from its parent", arguments: Place.allCases)
    func letGoInChild(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            var store: Store? = try Self.open(path)
            try store?.write { tx in try tx.put("parent", forKey: "key") }
            let level = store?.lease.level
            let ending = Child.run {
                store = nil
                return 0
            }
            #expect(ending == 0)
            let own = try #require(store)
            #expect(own.lease.level == level)
            try own.verifyExtents()
            try own.write { tx in try tx.put("parent", forKey: "other") }
            #expect(throws: StoreError.open(.inUse(path: path, pid: getpid()))) { _ = try Self.open(path) }
            try own.close()
        }
        let store = try Self.open(scratch.store)
        #expect(try Self.get("other", store) == "parent")
        try store.close()
    }

    /// As its last owner would, in a child that lets go of all that it has.
    @Test("A child that closes what it inherits takes nothing from its parent", arguments: Place.allCases)
    func closedInChild(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            let store = try Self.open(path)
            let segment = try #require(Self.descriptor(of: path + "/" + SegmentName.sealed(0)))
            #expect(cpm_get_lease(segment) == F_WRLCK)
            let ending = Child.run {
                store.ground.close()
                return 0
            }
            #expect(ending == 0)
            #expect(cpm_get_lease(segment) == F_WRLCK)
            #expect(throws: StoreError.open(.inUse(path: path, pid: getpid()))) { _ = try Self.open(path) }
            try store.verifyExtents()
            try store.close()
        }
    }

    /// A lock that another thread held when the process was forked is never released in the child.
    @Test("What a child closes waits for no thread of its parent", arguments: Place.allCases)
    func closedBesideThreads(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            let store = try Self.open(path)
            let region = try LeasedRegion.create(path + "-region", byteCount: 65536, options: Self.options)
            let isAsking = Locked(true)
            // They have the locks of the leases nearly all the time, and so at nearly every fork.
            let questions: [@Sendable () -> Void] = [{ _ = store.lease }, { _ = region.lease }]
            let threads = questions.map { ask in
                WorkloadThread { while isAsking.withLock({ $0 }) { ask() } }
            }
            let closings: [@Sendable () -> Void] = [{ store.ground.close() }, { region.close() }]
            var endings: [Int32?] = []
            while endings.count < 40, endings.allSatisfy({ $0 == 0 }) {
                let close = closings[endings.count % 2]
                endings.append(
                    Child.run {
                        close()
                        return 0
                    })
            }
            #expect(endings.allSatisfy { $0 == 0 }, "\(endings)")
            isAsking.withLock { $0 = false }
            for thread in threads { thread.join() }
            region.close()
            try store.close()
        }
    }

    @Test("A child that lives on keeps neither lock nor lease", arguments: Place.allCases)
    func childLivesOn(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        await #expect(processExitsWith: .success) { [path = scratch.store as String] in
            let store = try Self.open(path)
            let region = try LeasedRegion.create(path + "-region", byteCount: 65536, options: Self.options)
            let child = Child.fork()
            if child == 0 {
                Child.limit(60)
                let error = #expect(throws: StoreError.self) { try region.store(1, at: 0) }
                if error != .transaction(.inChildProcess) { _exit(1) }
                pause()
            }
            try region.store(2, at: 0)
            region.close()
            try store.close()
            var options = Self.options
            options.minimumLease = .noticeBeforeChange
            try Store.open(path, options: options).close()
            let again = try LeasedRegion.open(path + "-region", options: options)
            #expect(try again.load(at: 0) == 2)
            again.close()
            kill(child, SIGKILL)
            #expect(Child.wait() == nil)
        }
    }

    @Test(
        "Who opens a segment of a killed process does not wait for its child",
        arguments: LeaseFixture.Ground.allCases)
    func orphan(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground) { $0.sealing = .never }
        try fixture.store.close()
        let turn = try await KernelPatience.turn()
        defer { withExtendedLifetime(turn) {} }
        let look = "timeout 2 head -c 1 '\(fixture.segment)'"
        for isGuarded in [true, false] {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = fixture.path as String, isGuarded = isGuarded as Bool] in
                let store = try LeaseFixture.open(path)
                let kept = Self.descriptor(of: path + "/" + SegmentName.sealed(0)) ?? -1
                let child = isGuarded ? Child.fork() : Child.forkUnnoticed()
                if child == 0 { Self.liveOn(holding: kept) }
                overwrite(path + "-child", at: 0, with: Array("\(child)".utf8))
                withExtendedLifetime(store) { _ = kill(getpid(), SIGKILL) }
            }
            let child = pid_t(String(decoding: bytes(of: fixture.path + "-child"), as: UTF8.self))
            // The control: a child that the library does not hear of keeps the lease, and nobody answers for it.
            #expect(Shell.run(look) == isGuarded)
            #expect(kill(try #require(child), SIGKILL) == 0)
            #expect(unsafe unlink(fixture.path + "-child") == 0)
            // A process that was killed is gone a moment later.
            #expect(fixture.wait { Shell.run(look) })
        }
        try fixture.reopen()
        #expect(try fixture.isComplete())
    }

    /// Nothing but the segment stays open: whoever waits for this process's parent waits for the others to be closed.
    ///
    /// Another thread may have held a lock of the language's runtime when this process was forked: here is nothing that
    /// would take it.
    private static func liveOn(holding kept: Int32) -> Never {
        // The test may wait long for a thread to go on with.
        Child.limit(900)
        var descriptor: Int32 = 0
        while descriptor < 4096 {
            if descriptor != kept { close(descriptor) }
            descriptor += 1
        }
        pause()
        _exit(0)
    }

    @Test(
        "A lease that is released through another descriptor comes back",
        arguments: LeaseFixture.Ground.allCases)
    func released(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let own = try #require(Self.descriptor(of: fixture.segment))
        let other = dup(own)
        defer { close(other) }
        #expect(cpm_set_lease(other, F_UNLCK) == 0)
        #expect(fixture.waitForLease())
        try fixture.commit()
        try fixture.store.verifyExtents()
    }

    @Test(
        "A process that was passed the descriptor is noticed by the next opening",
        arguments: LeaseFixture.Ground.allCases)
    func passed(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let own = try #require(Self.descriptor(of: fixture.segment))
        let visitor = Visitor(inheriting: own)
        #expect(fixture.wait { visitor.isIn })
        // It shares the open file, so it is nobody else for the lease.
        #expect(fixture.store.lease.level >= .noticeBeforeChange)
        try fixture.commit()
        try fixture.reopen()
        #expect(fixture.store.lease.level < .noticeBeforeChange)
        #expect(fixture.store.lease.reason.contains("somebody has it open"))
        try fixture.commit()
        visitor.leave()
        #expect(fixture.waitForLease())
        #expect(try fixture.isComplete())
    }

    // MARK: In the child

    /// The number of the first call in a child that did not do what it should; 0: none.
    private static func complaint(of store: Store, _ path: String) -> Int32 {
        let calls: [() throws -> Void] = [
            { _ = try store.read { tx in try tx.get("own") } },
            { try store.write { tx in try tx.put("child", forKey: "own") } },
            { _ = try store.snapshot() },
            { try store.checkpoint() },
            { _ = try store.shrink() },
            { try store.verifyExtents() },
            { try store.backup(to: path + "-backup", options: options) },
            { try store.close() },
        ]
        for (index, call) in calls.enumerated() {
            do {
                try call()
                return Int32(index) + 1
            } catch {
                if error as? StoreError != .transaction(.inChildProcess) { return Int32(index) + 101 }
            }
        }
        if store.lease.level != .none || store.statistics.freeBytes != 0 { return 50 }
        do {
            _ = try open(path)
            return 51
        } catch {
            return error as? StoreError == .open(.inUse(path: path, pid: getppid())) ? 0 : 52
        }
    }

    private static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        return options
    }

    private static func open(_ path: String) throws -> Store { try Store.open(path, options: options) }

    /// A descriptor by which this process has a file open.
    private static func descriptor(of path: String) -> Int32? {
        (Int32(3)..<4096).first { descriptor in
            var target = [CChar](repeating: 0, count: 4096)
            let count = unsafe readlink("/proc/self/fd/\(descriptor)", &target, 4095)
            return count > 0 && target.prefix(count).map { UInt8(bitPattern: $0) }.elementsEqual(path.utf8)
        }
    }
}
