/// Runs a store so that its files hold only what would survive a power cut. For crash tests of programs.
///
/// Stores go to memory that is the process's own. A line reaches the files when a fence makes it durable, or earlier
/// by chance, as a cache evicts it. So `kill -9`, or any other end of the process, is a power cut, on every file
/// system. The environment variable `PMEMSTORE_POWER_CUT` switches it on in programs that do not know of it: a seed,
/// or a seed and a number of ``lostFences``, as in `7,100`.
///
/// Creation and growth write and sync their files as ever. Commits are slower.
public struct PowerCutMode: Sendable, Equatable {
    /// Chooses which lines are evicted, and the order in which a fence writes lines.
    public var seed: UInt64

    /// One fence in so many, by chance, does nothing: a harness that does not notice this notices nothing. 0: none.
    public var lostFences: UInt64

    /// A mode for a store's option.
    public init(seed: UInt64, lostFences: UInt64 = 0) {
        self.seed = seed
        self.lostFences = lostFences
    }

    /// The mode that a text asks for: `SEED` or `SEED,LOSTFENCES`; nil when it is neither.
    package init?(_ text: String) {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { UInt64($0) }
        guard let seed = numbers.first ?? nil, numbers.count <= 2 else { return nil }
        guard let lostFences = numbers.count == 2 ? numbers[1] : 0 else { return nil }
        self.init(seed: seed, lostFences: lostFences)
    }
}
