/// Operations in percent: the standard mixes of the Yahoo! Cloud Serving Benchmark, and two of db_bench.
struct YCSBMix: Sendable {
    /// Which keys are asked for.
    enum Popularity: Sendable {
        case zipfian
        case uniform
        /// Zipfian from the newest key backwards.
        case latest
    }

    var read = 0
    var update = 0
    var insert = 0
    var scan = 0
    var readModifyWrite = 0
    var popularity = Popularity.zipfian

    var writes: Bool { update + insert + readModifyWrite > 0 }

    static let longestScan = 100

    static let a = YCSBMix(read: 50, update: 50)
    static let b = YCSBMix(read: 95, update: 5)
    static let c = YCSBMix(read: 100)
    static let d = YCSBMix(read: 95, insert: 5, popularity: .latest)
    static let e = YCSBMix(insert: 5, scan: 95)
    static let f = YCSBMix(read: 50, readModifyWrite: 50)

    static let readsAndWrites = YCSBMix(read: 90, update: 10, popularity: .uniform)
    static let updates = YCSBMix(readModifyWrite: 100, popularity: .uniform)
}
