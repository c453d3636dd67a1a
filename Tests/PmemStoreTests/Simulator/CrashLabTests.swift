import PmemStore
import PmemStoreTesting
import Testing

/// The lab as an application uses it.
@Suite("Simulator: an application's own transactions")
struct CrashLabTests {
    private struct Wrong: Error {}

    /// Two counters that a sound application keeps equal.
    private static func count(_ store: Store, isBroken: Bool) throws {
        for number in 1...3 {
            if isBroken {
                try store.write { tx in try tx.put([UInt8(number)], forKey: "a") }
                try store.write { tx in try tx.put([UInt8(number)], forKey: "b") }
            } else {
                try store.write { tx in
                    try tx.put([UInt8(number)], forKey: "a")
                    try tx.put([UInt8(number)], forKey: "b")
                }
            }
        }
    }

    private static func areEqual(_ store: Store) throws {
        let (a, b) = try store.read { tx in (try tx.get("a"), try tx.get("b")) }
        if a != b { throw Wrong() }
    }

    private static func failure(_ body: () throws -> CrashLabReport) throws -> CrashLabFailure {
        do {
            let report = try body()
            Issue.record("nothing was found: \(report)")
            throw Wrong()
        } catch let failure as CrashLabFailure {
            return failure
        }
    }

    @Test("A sound application survives every state")
    func sound() throws {
        let report = try CrashLab("sound").run {
            try Self.count($0, isBroken: false)
            try $0.checkpoint()
        } verify: {
            try Self.areEqual($0)
        }
        #expect(report.commits == 3 && report.capped == 0)
        #expect(report.points > 15 && report.states > 200, "\(report)")
        #expect(report.nestedPoints > 200 && report.nestedStates > 500, "\(report)")
    }

    @Test("The depth says how often power is cut in a row")
    func depths() throws {
        var reports: [CrashLabReport] = []
        for depth in 1...3 {
            var lab = CrashLab("depth")
            lab.depth = depth
            reports.append(
                try lab.run { store in
                    try store.write { tx in try tx.put("1", forKey: "a") }
                } verify: { store in
                    if try store.read({ tx in try tx.count() }) > 1 { throw Wrong() }
                })
        }
        #expect(reports[0].nestedStates == 0 && reports[1].nestedStates > 100, "\(reports)")
        #expect(reports[2].nestedStates > reports[1].nestedStates, "\(reports)")
        #expect(reports.allSatisfy { $0.states == reports[0].states && $0.capped == 0 }, "\(reports)")
    }

    @Test(
        "A token leads back to a state within recovery, and within the recovery from that", arguments: [2, 3])
    func nestedTokens(depth: Int) throws {
        var lab = CrashLab("nested")
        lab.depth = depth
        let body: (Store) throws -> Void = { try Self.count($0, isBroken: false) }
        var depths: Set<Int> = []
        for wanted in stride(from: 1, to: 900, by: 149) {
            var calls = 0
            let failure = try Self.failure {
                try lab.run(body) { _ in
                    calls += 1
                    if calls == wanted { throw Wrong() }
                }
            }
            calls = 0
            let again = try Self.failure {
                try lab.replay(failure.token, body) { _ in
                    calls += 1
                    throw Wrong()
                }
            }
            #expect(again.token == failure.token && again.site == failure.site && calls == 1)
            #expect(again.found == failure.found && again.stores == failure.stores)
            depths.insert(failure.token.count { $0 == "+" } / 2 + 1)
        }
        #expect(depths.contains(depth), "\(depths)")
    }

    @Test("One transaction too few is found, named and repeated by its token")
    func broken() throws {
        let lab = CrashLab("broken")
        let failure = try Self.failure {
            try lab.run {
                try Self.count($0, isBroken: true)
            } verify: {
                try Self.areEqual($0)
            }
        }
        #expect(failure.acknowledged == 0 && failure.found == 1)
        #expect(failure.site.hasPrefix("before event") && failure.token.hasPrefix("pmsl1:broken:"))
        #expect(failure.stores.contains { $0.hasSuffix("arrived") })
        #expect("\(failure)".contains("\(CrashLab.replayVariable)='\(failure.token)'"))
        var states = 0
        let again = try Self.failure {
            try lab.replay(failure.token) {
                try Self.count($0, isBroken: true)
            } verify: {
                states += 1
                try Self.areEqual($0)
            }
        }
        #expect(again.token == failure.token && again.site == failure.site && again.stores == failure.stores)
        #expect(states == 1)
    }

    @Test("What was promised is there, at every moment")
    func promises() throws {
        var promised = 0
        var seen: Set<Int> = []
        try CrashLab("promises").run { store in
            for number in 1...6 {
                try store.write { tx in try tx.put("\(number)", forKey: "number \(number)") }
                promised = number
            }
        } verify: { store in
            let count = try store.read { tx in try tx.count() }
            seen.insert(count - promised)
            // A verifier may go on as the application would: it is gone afterwards.
            try store.write { tx in try tx.put("after", forKey: "crash") }
            if count < promised || count > promised + 1 { throw Wrong() }
        }
        #expect(seen == [0, 1])
    }

    @Test("The log's end, checkpoints that make room, large values")
    func smallLog() throws {
        var lab = CrashLab("small log")
        lab.logBytes = 4096
        lab.storeBytes = 16 << 20
        lab.nestedStateLimit = 500
        let report = try lab.run { store in
            for number in 0..<40 {
                try store.write { tx in
                    let value = [UInt8](repeating: UInt8(number), count: number % 13 == 12 ? 40_000 : 20)
                    try tx.put(value, forKey: "key \(number % 7)")
                }
            }
        } verify: { store in
            try store.read { tx in
                try tx.forEach { _, value in
                    let bytes = unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }
                    if bytes.contains(where: { $0 != bytes[0] }) { throw Wrong() }
                    return true
                }
            }
        }
        #expect(report.commits == 40 && report.capped == 0)
        #expect(report.nestedStates >= 500 && report.nestedStates < 1000 && report.uncrashed > 0, "\(report)")
    }

    @Test("The example finds its mistake, prints a token, and comes back by it")
    func example() throws {
        let sound = Probe.run(program: "crashed-bank", [])
        #expect(
            sound.code == 0 && sound.output.hasSuffix("cuts within recovery\n"), "\(sound.output)")
        let broken = Probe.run(program: "crashed-bank", ["broken"])
        #expect(broken.code == 1 && broken.output.hasPrefix("the accounts hold 270 together"))
        let token = try #require(broken.output.split(separator: "'").dropFirst().first)
        let variable = "\(CrashLab.replayVariable)=\(token)"
        let again = Probe.run(program: "crashed-bank", ["broken"], environment: [variable])
        #expect(again.code == 1 && again.output == broken.output, "\(again.output)")
        let other = Probe.run(program: "crashed-bank", [], environment: [variable])
        #expect(other.code == 0 && other.output.contains("at 1 points, 1 states"), "\(other.output)")
    }

    @Test("What a lab cannot do, it says")
    func refusals() throws {
        let lab = CrashLab("refusals")
        let verify: (Store) throws -> Void = { _ in }
        for token in [
            "", "pmsl1:other:1:0", "pmsl1:refusals:x:0", "pmsl1:refusals:1:-1", "pms1:refusals:1:0",
            "pmsl1:refusals:1+2:0", "pmsl1:refusals:1+:0+0", "pmsl1:refusals:1+2+3+4:+++",
        ] {
            #expect(throws: CrashLabError.foreignToken(token: token, name: "refusals")) {
                try lab.replay(token, { _ in }, verify: verify)
            }
        }
        #expect {
            try lab.replay("pmsl1:refusals:100000:0", { _ in }, verify: verify)
        } throws: { error in
            guard case CrashLabError.momentNotReached(let token, let events) = error else { return false }
            return token == "pmsl1:refusals:100000:0" && events > 0
        }
        #expect(throws: CrashLabError.self) {
            try lab.replay("pmsl1:refusals:0+100000:+", { _ in }, verify: verify)
        }
        for depth in [0, 4] {
            var deep = lab
            deep.depth = depth
            #expect(throws: CrashLabError.impossibleDepth(depth)) { try deep.run({ _ in }, verify: verify) }
        }
        var small = lab
        small.storeBytes = 1 << 20
        #expect(throws: CrashLabError.impossibleSize(storeBytes: 1 << 20, logBytes: 16 << 10)) {
            try small.run({ _ in }, verify: verify)
        }
        #expect(throws: Wrong.self) { try lab.run({ _ in throw Wrong() }, verify: verify) }
    }
}
