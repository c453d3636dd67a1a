/// What repeats one state: a workload, and the way to the state.
package struct ReplayToken: Sendable, CustomStringConvertible {
    package let workload: CrashWorkload
    package let path: [CrashStep]

    /// Levels of crashes that repeating it takes.
    package var depth: Int {
        switch path.last?.turn {
        case .nest, .live, .kill: path.count + 1
        case .use, .fault, nil: path.count
        }
    }

    package init(workload: CrashWorkload, path: [CrashStep]) {
        self.workload = workload
        self.path = path
    }

    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 4, parts[0] == "pms1", let workload = CrashWorkload(name: parts[1]),
            let path = CrashStep.path(parts.dropFirst(2))
        else { return nil }
        self.init(workload: workload, path: path)
    }

    package var description: String {
        "pms1:\(workload.name):\(path.map(\.description).joined(separator: ":"))"
    }
}

/// A crash point, the future that is taken there, and what happens to it.
package struct CrashStep: Sendable, Equatable, CustomStringConvertible {
    /// What happens to a future, other than that it is recovered and compared.
    package enum Turn: Sendable, Equatable, CustomStringConvertible {
        /// Power is cut within its recovery. `restArrives`: also what recovery has not read has arrived.
        case nest(restArrives: Bool)
        /// It lives on: it commits and saves, and power is cut meanwhile.
        case live(restArrives: Bool)
        /// No future of a power cut: the process is killed, and power is cut later.
        case kill
        case use
        case fault(MediaFault)

        package var description: String {
            switch self {
            case .nest(let restArrives): restArrives ? "nest+rest" : "nest"
            case .live(let restArrives): restArrives ? "live+rest" : "live"
            case .kill: "kill"
            case .use: "use"
            case .fault(let fault): "\(fault)"
            }
        }

        init?(_ text: String) {
            switch text {
            case "nest", "nest+rest": self = .nest(restArrives: text != "nest")
            case "live", "live+rest": self = .live(restArrives: text != "live")
            case "kill": self = .kill
            case "use": self = .use
            default:
                guard let fault = MediaFault(text) else { return nil }
                self = .fault(fault)
            }
        }
    }

    package let event: Int
    package var decisions: [Int32]
    package let turn: Turn?

    package init(event: Int, decisions: [Int32], turn: Turn? = nil) {
        self.event = event
        self.decisions = decisions
        self.turn = turn
    }

    package var description: String {
        "\(event):\(decisions.map(String.init).joined(separator: "."))" + (turn.map { ":\($0)" } ?? "")
    }

    /// Each level has a memory of its own.
    private static let deepest = 4

    /// Steps as `description` writes them, joined by colons.
    static func path(_ parts: some Collection<String>) -> [CrashStep]? {
        var rest = Array(parts)
        var path: [CrashStep] = []
        while !rest.isEmpty {
            guard rest.count >= 2, let event = Int(rest[0]), event >= 0,
                let decisions = DecisionVector.parse(rest[1]), path.count < deepest
            else { return nil }
            let turn = rest.count > 2 ? Turn(rest[2]) : nil
            if rest.count > 2, turn == nil { return nil }
            path.append(CrashStep(event: event, decisions: decisions, turn: turn))
            rest.removeFirst(min(rest.count, 3))
        }
        return path
    }
}

/// Which of several futures was taken at each decision, as tokens have it.
enum DecisionVector {
    /// More futures than a decision can have; it keeps sums from overflowing.
    private static let highest: Int32 = 1 << 30

    /// Numbers joined by points; nil where one of them is none.
    static func parse(_ text: some StringProtocol) -> [Int32]? {
        let numbers = text.split(separator: ".").map { Int32($0) }
        guard numbers.allSatisfy({ (0...highest).contains($0 ?? -1) }) else { return nil }
        return numbers.compactMap(\.self)
    }
}
