import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Who passes whom at the gate, on threads of which a schedule lets one run at a time.
@Suite("Writers' gate, by schedule")
struct WriterGateTests {
    /// Runs the bodies, with a preemption at each of these moments for that thread.
    private static func run(_ preemptions: [(Int, Int)], _ bodies: [() -> Void]) {
        let plan = SchedulePlan.preemptions(preemptions.map { .init(moment: $0.0, thread: $0.1) })
        ThreadSchedule(plan).run(bodies)
    }

    /// Enters and leaves the gate until `isOver`, and counts how often.
    private final class Passer {
        let gate: WriterGate
        var count = 0

        init(_ gate: WriterGate) { self.gate = gate }

        func pass() {
            gate.enter()
            count += 1
            gate.leave()
        }
    }

    @Test("Whoever comes back passes the first in line, but not more often than the gate allows")
    func passes() {
        let passer = Passer(WriterGate())
        let gate = passer.gate
        var countWhenIn: Int?
        Self.run(
            [(0, 1)],
            [
                {
                    gate.enter()
                    ThreadSchedule.yield()
                    gate.leave()
                    for _ in 0..<2 * Int(WriterGate.mostPasses) { passer.pass() }
                },
                {
                    gate.enter()
                    countWhenIn = passer.count
                    gate.leave()
                },
            ])
        #expect(countWhenIn == Int(WriterGate.mostPasses) - 1)
        #expect(gate.waitingCount == 0)
    }

    @Test("Each in line is passed by a bounded number, however long the line")
    func bounded() {
        let passer = Passer(WriterGate())
        let gate = passer.gate
        var order: [Int] = []
        var counts: [Int] = []
        let waiting = (1...4).map { number in
            {
                gate.enter()
                order.append(number)
                counts.append(passer.count)
                gate.leave()
            }
        }
        let holder = {
            gate.enter()
            for _ in 1...4 { ThreadSchedule.yield() }
            gate.leave()
            for _ in 0..<5 * Int(WriterGate.mostPasses) { passer.pass() }
        }
        Self.run((0..<4).map { ($0, $0 + 1) }, [holder] + waiting)
        #expect(order == [1, 2, 3, 4])
        let gaps = zip(counts, [0] + counts).map { $0 - $1 }
        #expect(gaps.allSatisfy { (0...Int(WriterGate.mostPasses)).contains($0) }, "\(counts)")
    }

    @Test("An open gate is for the first in line as for anybody")
    func open() {
        let passer = Passer(WriterGate())
        let gate = passer.gate
        var countWhenIn: Int?
        Self.run(
            [(0, 1), (1, 1)],
            [
                {
                    gate.enter()
                    ThreadSchedule.yield()
                    gate.leave()
                    ThreadSchedule.yield()
                    for _ in 0..<10 { passer.pass() }
                },
                {
                    gate.enter()
                    countWhenIn = passer.count
                    gate.leave()
                },
            ])
        #expect(countWhenIn == 0 && passer.count == 10)
    }

    /// Who lets nobody pass when it is the first in line, and how it enters.
    private static var impatient: [(String, WriterGate, (WriterGate) -> Void)] {
        [
            ("patience at its end", WriterGate(patience: 0), { $0.enter() }),
            ("checkpointer", WriterGate(), { $0.enterForMaintenance() }),
            ("lease thread", WriterGate(), { $0.stopStores() }),
        ]
    }

    @Test("Nobody passes whose patience has ended, nor the checkpointer, nor who stops all stores")
    func noPassing() {
        for (name, gate, enter) in Self.impatient {
            let passer = Passer(gate)
            var countWhenIn: Int?
            Self.run(
                [(0, 1)],
                [
                    {
                        gate.enter()
                        ThreadSchedule.yield()
                        #expect(gate.isDemanded, "\(name)")
                        gate.leave()
                        passer.pass()
                    },
                    {
                        enter(gate)
                        countWhenIn = passer.count
                        if name == "lease thread" { gate.goOn() } else { gate.leave() }
                    },
                ])
            #expect(countWhenIn == 0 && passer.count == 1, "\(name)")
            #expect(!gate.isDemanded && gate.waitingCount == 0, "\(name)")
        }
    }

    @Test("Who stops all stores comes before the first in line, who is not forgotten")
    func displaced() {
        let gate = WriterGate()
        var order: [String] = []
        Self.run(
            [(0, 1), (1, 2)],
            [
                {
                    gate.enter()
                    ThreadSchedule.yield()
                    ThreadSchedule.yield()
                    gate.leave()
                    gate.enter()
                    order.append("holder")
                    gate.leave()
                },
                {
                    gate.enter()
                    order.append("first")
                    gate.leave()
                },
                {
                    gate.stopStores()
                    order.append("stopper")
                    gate.goOn()
                },
            ])
        #expect(order.first == "stopper" && Set(order) == ["stopper", "first", "holder"], "\(order)")
        #expect(gate.waitingCount == 0 && !gate.isDemanded)
    }

    @Test("A gate that is lent is the checkpointer's only, and goes back to who lent it")
    func lent() {
        let gate = WriterGate()
        var order: [String] = []
        Self.run(
            [(0, 1), (1, 2)],
            [
                {
                    gate.enter()
                    ThreadSchedule.yield()
                    ThreadSchedule.yield()
                    gate.lend()
                    gate.reclaim()
                    order.append("lender")
                    gate.leave()
                },
                {
                    gate.enter()
                    order.append("writer")
                    gate.leave()
                },
                {
                    for _ in 0..<3 {
                        gate.enterForMaintenance()
                        order.append("checkpointer")
                        gate.leave()
                    }
                },
            ])
        #expect(order.first == "checkpointer" && order.count == 5, "\(order)")
        let lender = order.firstIndex(of: "lender"), writer = order.firstIndex(of: "writer")
        #expect(lender.map { lender in writer.map { lender < $0 } ?? false } ?? false, "\(order)")
        #expect(gate.waitingCount == 0 && !gate.isDemanded)
    }
}
