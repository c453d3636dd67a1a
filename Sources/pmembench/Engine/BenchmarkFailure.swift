/// A refusal or a failure in one line, with the remedy where there is one.
struct BenchmarkFailure: Error, CustomStringConvertible {
    enum Kind: Int32 {
        /// The command line asks for something that cannot be.
        case usage = 64
        /// The run failed.
        case failure = 1
    }

    let kind: Kind
    let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
