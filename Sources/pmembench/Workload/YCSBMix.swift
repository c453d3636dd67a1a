/// The standard mixes of the Yahoo! Cloud Serving Benchmark, in percent.
struct YCSBMix: Sendable {
    /// Which keys are asked for.
    enum Popularity: Sendable {
        case zipfian
        /// Zipfian from the newest key backwards.
        case latest
    }

    var read = 0
    var update = 0
    var insert = 0
    var scan = 0
    var readModifyWrite = 0
    var popularity = Popularity.zipfian

    static let longestScan = 100

    static let a = YCSBMix(read: 50, update: 50)
    static let b = YCSBMix(read: 95, update: 5)
    static let c = YCSBMix(read: 100)
    static let d = YCSBMix(read: 95, insert: 5, popularity: .latest)
    static let e = YCSBMix(insert: 5, scan: 95)
    static let f = YCSBMix(read: 50, readModifyWrite: 50)
}
