internal import PmemStore

/// A run in which mutants of the door have to be noticed. Together the scenarios pass every site of the door, in every
/// state in which it matters what the call does.
package struct MutationScenario: Sendable {
    package let name: String
    /// From an empty store, not crashed.
    var start: [ModelStep]
    var leavingInRing: Int?
    var chunks = 24
    /// At one of so many events the process is killed, and the power is cut later.
    var kills = 6
    /// Of so many different futures one is crashed within its recovery.
    var nesting = 1
    let legs: [Leg]

    /// Steps that only lead to where crashes are wanted, and steps that are crashed.
    struct Leg {
        var quiet: [ModelStep] = []
        let crashed: [ModelStep]
    }

    private init(_ name: String, start: Int, shapes: [Int], kills: Int = 6) {
        self.init(
            name, start: OperationShapes.start(start), leavingInRing: start == 4 ? 100 : nil, kills: kills,
            steps: shapes.enumerated().map { OperationShapes.step($1, position: $0) })
    }

    private init(
        _ name: String, start: [ModelStep], leavingInRing: Int? = nil, chunks: Int = 24, kills: Int = 1,
        steps: [ModelStep]
    ) {
        self.init(
            name, start: start, leavingInRing: leavingInRing, chunks: chunks, kills: kills,
            legs: [Leg(crashed: steps)])
    }

    private init(
        _ name: String, start: [ModelStep], leavingInRing: Int? = nil, chunks: Int = 24, kills: Int = 1,
        nesting: Int = 1, legs: [Leg]
    ) {
        self.name = name
        self.start = start
        self.leavingInRing = leavingInRing
        self.chunks = chunks
        self.kills = kills
        self.nesting = nesting
        self.legs = legs
    }

    func run(on run: CrashRun) throws {
        for leg in legs {
            try run.quietly { try run.run(leg.quiet) }
            try run.run(leg.crashed)
        }
    }

    func makeRun() throws -> CrashRun {
        var plan = CrashPlan()
        plan.use = 8
        plan.deepNesting = 0
        plan.lives = 400
        plan.kills = kills
        plan.killsAtDrains = true
        plan.nesting = nesting
        plan.faults = 0
        return try CrashRun(
            start: start, plan: plan, chunks: chunks, context: name, leavingInRing: leavingInRing)
    }

    package static let all: [Self] = [
        Self("small", start: 1, shapes: [1, 18, 5, 18]),
        Self("tables", start: 5, shapes: [15, 18, 7, 19]),
        Self("ring", start: 4, shapes: [0, 3, 18]),
        Self("levels", start: 3, shapes: [8, 18, 2]),
        Self("large", start: 1, shapes: [9, 19, 11, 18]),
        Self("kill", start: 2, shapes: [4, 19, 12, 19, 0, 18]),
        first, saves, built, laps, killedCommits, killedRing, fullRing, killedSpill, wide,
    ]

    private static func put(_ number: Int, _ fill: UInt8, _ count: Int = 40) -> ModelOperation {
        .put([UInt8](repeating: fill, count: count), key: OperationShapes.key(number), table: 1)
    }

    /// The first checkpoints of a store, and one that saves nothing but the clean flag: the end of the superblock, with
    /// the bits of the table's blocks, changes.
    private static let first = Self(
        "first", start: [], kills: 6,
        steps: [.commit([put(0, 1)]), .checkpoint, .reopen, .commit([put(1, 2)]), .checkpoint, .reopen])

    /// Checkpoints that change the bits each time, each killed at every event.
    private static let saves = Self(
        "saves", start: [],
        steps: (0..<4).flatMap { [.commit([put(0, $0)]), .checkpoint, .reopen] })

    /// A chunk table whose last descriptor is in use: 54 chunks are taken while its record gets its slot.
    private static let wide = Self(
        "wide",
        start: [
            .commit([put(0, 1)]), .checkpoint,
            .commit([
                .construct([1, 2, 3], room: 53 << 21, key: [UInt8](repeating: 7, count: 500), table: 1)
            ]),
        ],
        chunks: 64, kills: 6,
        steps: (0..<4).flatMap {
            [
                .commit([.put([$0], key: [UInt8](repeating: $0, count: 500), table: 1)]), .checkpoint,
            ]
        })

    /// Values that are built in place, each in an extent of its own.
    private static let built = Self(
        "built", start: OperationShapes.start(1), kills: 6,
        steps: [
            .commit(
                (0..<4).map { number in
                    .construct(
                        [UInt8](repeating: 3, count: 3000 + 64 * number), room: 3000 + 64 * number,
                        key: OperationShapes.key(number), table: 1)
                })
        ])

    /// Pads, each where the lap before has left operations to the ring's last byte, in 16 384 bytes: three entries of
    /// 4096 bytes, and two or one that fill the rest but for the line of the pad.
    private static let laps = Self(
        "laps", start: [], nesting: 60,
        legs: (0..<4).map { lap in
            Leg(
                quiet: [169, 169, 169, lap == 0 ? 161 : 156, 7, 169, 169, 169, 167].flatMap {
                    [long($0, lap), .checkpoint]
                },
                crashed: [.commit([put(0, 1), put(5, UInt8(lap))]), .kill])
        })

    /// Commits of several records, large values and bounds of ranges, killed at every event.
    private static let killedCommits = Self(
        "killedCommits", start: OperationShapes.start(1),
        steps: [
            .commit((0..<7).map { put($0, 3, 100) }), .kill,
            .commit([put(1, 4, 33_000), put(2, 5, 33_100), put(3, 6, 33_200), put(4, 7)]), .kill,
            .commit([
                .deleteRange(low: OperationShapes.key(0), high: OperationShapes.key(3), table: 1),
                put(8, 8, 200),
            ]),
            .kill, .checkpoint,
        ])

    /// Transactions whose operations do not fit into the ring: deletes, which write no records.
    private static let killedSpill = Self(
        "killedSpill", start: [], kills: 400,
        legs: (0..<4).map { round in
            Leg(
                quiet: [.commit((0..<171).map { put($0, UInt8(round), 1) }), .checkpoint],
                crashed: [
                    .commit((0..<171).map { .delete(OperationShapes.key($0), table: 1) }), .kill,
                ])
        })

    /// Entries behind a pad, and the checkpoint that covers them.
    private static let killedRing = Self(
        "killedRing", start: OperationShapes.start(4), leavingInRing: 100,
        steps: [.commit((0..<5).map { put($0, 9, 80) }), .commit([put(6, 1)]), .checkpoint])

    /// A ring that is full to the last byte when it is saved: the tail is where the oldest entry begins.
    private static let fullRing = Self(
        "fullRing", start: fillingCommits, steps: [.checkpoint, .commit([put(0, 1)])])

    /// Entries of 4096 bytes: four fill the ring.
    private static let fillingCommits: [ModelStep] = (0..<4).map { long(169, $0) }

    private static func long(_ operations: Int, _ round: Int) -> ModelStep {
        .commit((0..<operations).map { put($0 % 4, UInt8(round), 1 + $0 % 5) })
    }
}
