internal import Glibc
public import PmemStore

/// Crashes an application's own transactions at every store and every fence, and lets it look at what is left.
///
///     try CrashLab("bank").run { store in
///         try store.write { tx in try tx.put("100", forKey: "alice") }
///         try transfer(30, from: "alice", to: "bob", in: store)
///     } verify: { store in
///         let total = try balance("alice", store) + balance("bob", store)
///         guard total == 0 || total == 100 else { throw Unbalanced(total: total) }
///     }
///
/// The store is a real one on simulated memory. Before each store to the medium and each fence, power is cut: what was
/// not yet durable arrives, in part or not at all, in every way that recovery can tell apart. Each of these states is
/// recovered, opened as a ``PmemStore/Store`` and given to `verify`, while the run stands still. Then the power is cut
/// once more, at every step of that recovery (``depth``).
///
/// The run must do the same each time: no clock, no random numbers but from a seed, one thread. Neither checkpoints nor
/// growth happen in the background; call ``PmemStore/Store/checkpoint()`` where they matter. A value; the labs of
/// several threads do not know of each other.
public struct CrashLab: Sendable {
    /// Names the run in tokens.
    public let name: String
    /// Bytes of the simulated store, which does not grow; rounded up to 2 MiB, 8 MiB at least.
    public var storeBytes = 48 << 20
    /// Bytes of its commit log, a multiple of 4096. A small one makes checkpoints frequent.
    public var logBytes = 16 << 10
    /// Power cuts in a row, 1 to 3. 1: only the run is cut. 2: also the recovery of each state that recovery can tell
    /// from the others, at each of its steps. 3: and the recovery from that.
    public var depth = 2
    /// A crash point with more states is given up, and counted (``CrashLabReport/capped``).
    public var stateLimit = 100_000

    /// So many states within recoveries at most. The recoveries behind them are not crashed, and counted
    /// (``CrashLabReport/uncrashed``).
    public var nestedStateLimit = 20_000

    static let depths = 1...3

    /// The variable with the token of the one state that is to be repeated.
    public static let replayVariable = "PMEMSTORE_CRASH_REPLAY"

    /// A lab whose tokens begin with a name.
    public init(_ name: String) { self.name = name }

    /// Runs `body` on an empty store, closes the store, and calls `verify` with every state that a power cut leaves.
    ///
    /// At each cut the store holds every transaction that has returned, and perhaps the one under way, but nothing
    /// else; a state that does not is a failure too. What `verify` writes is gone afterwards. A small transaction makes
    /// about a hundred states, and ten times as many within their recovery; a debug build does some thousand a second.
    ///
    /// With ``replayVariable`` set to a token of this lab's name, only that state is made.
    ///
    /// - Parameters:
    ///   - body: May keep what it has been promised in variables of its own, for `verify` to see.
    ///   - verify: Throws when the application could not go on with what it finds.
    /// - Throws: The first ``CrashLabFailure``; else what `body` throws; ``CrashLabError``.
    @discardableResult
    public func run(
        _ body: (Store) throws -> Void, verify: (Store) throws -> Void
    ) throws -> CrashLabReport {
        guard let text = unsafe getenv(Self.replayVariable),
            let token = unsafe CrashLabToken(String(cString: text)),
            token.name == name
        else { return try run(nil, body, verify) }
        return try run(token, body, verify)
    }

    /// As ``run(_:verify:)``, of the one state that a token names.
    ///
    /// - Throws: The failure that printed the token, if it is still there; ``CrashLabError``.
    @discardableResult
    public func replay(
        _ token: String, _ body: (Store) throws -> Void, verify: (Store) throws -> Void
    ) throws -> CrashLabReport {
        guard let parsed = CrashLabToken(token), parsed.name == name else {
            throw CrashLabError.foreignToken(token: token, name: name)
        }
        return try run(parsed, body, verify)
    }

    private func run(
        _ token: CrashLabToken?, _ body: (Store) throws -> Void, _ verify: (Store) throws -> Void
    ) throws -> CrashLabReport {
        guard Self.depths.contains(depth) else { throw CrashLabError.impossibleDepth(depth) }
        guard let layout = SimulatedLayout(storeBytes: storeBytes, logBytes: logBytes) else {
            throw CrashLabError.impossibleSize(storeBytes: storeBytes, logBytes: logBytes)
        }
        return try withoutActuallyEscaping(verify) { verify in
            let explorer = StoreExplorer(self, layout: layout, token: token, verify: verify)
            return try explorer.run(body)
        }
    }
}

/// What a lab has run.
public struct CrashLabReport: Sendable, Equatable, CustomStringConvertible {
    /// Commits of the run.
    public internal(set) var commits: UInt64 = 0
    /// Moments at which power was cut.
    public internal(set) var points = 0
    /// States that were recovered and verified.
    public internal(set) var states = 0
    /// Moments within recoveries at which power was cut again.
    public internal(set) var nestedPoints = 0
    /// States behind those, recovered and verified.
    public internal(set) var nestedStates = 0
    /// Recoveries that were not crashed, because of the limit.
    public internal(set) var uncrashed = 0
    /// Moments with more states than the limit, of which the rest was left out.
    public internal(set) var capped = 0

    /// In one line.
    public var description: String {
        "\(commits) commits, power cut at \(points) points, \(states) states recovered and verified"
            + (nestedStates > 0 ? ", \(nestedStates) behind \(nestedPoints) cuts within recovery" : "")
            + (uncrashed > 0 ? ", \(uncrashed) recoveries not crashed" : "")
            + (capped > 0 ? ", \(capped) points given up" : "")
    }
}

/// A lab that cannot run.
public enum CrashLabError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The token is none, or of another lab.
    case foreignToken(token: String, name: String)
    /// The run has ended before the moment that the token names: it is not the run that printed it.
    case momentNotReached(token: String, events: Int)
    /// So many power cuts in a row are not made.
    case impossibleDepth(Int)
    /// No store has these sizes.
    case impossibleSize(storeBytes: Int, logBytes: Int)

    /// What is wrong, and what to do about it.
    public var description: String {
        switch self {
        case .foreignToken(let token, let name):
            "'\(token)' is no token of the lab '\(name)': take the one that the failure printed"
        case .momentNotReached(let token, let events):
            "the run has \(events) events and does not come to '\(token)': it is not the run that failed"
        case .impossibleDepth(let depth):
            "a depth of \(depth): power is cut once (1), also within recovery (2), or three times in a row (3)"
        case .impossibleSize(let storeBytes, let logBytes):
            "no store has \(storeBytes) bytes with a log of \(logBytes): 8 MiB at least, 4096 for the log"
        }
    }
}
