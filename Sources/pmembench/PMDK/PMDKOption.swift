/// An option of a benchmark in PMDK's form.
struct PMDKOption: Sendable {
    enum Kind: Sendable {
        case flag
        case text
        case number(ClosedRange<Int>)
        case octal
    }

    let long: String
    var short: Character?
    let kind: Kind
    let defaultValue: String
    let help: String
    /// Has a column in the results.
    var isInResults = true

    var isFlag: Bool {
        if case .flag = kind { return true }
        return false
    }

    /// Every value of a list.
    func values(_ text: String) throws -> [String] {
        switch kind {
        case .flag:
            guard ["true", "false"].contains(text) else {
                throw BenchmarkFailure(.usage, "--\(long) is true or false, not \"\(text)\"")
            }
            return [text]
        case .text:
            // The list of processors has semicolons of its own; elsewhere a comma parts values.
            let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 1 || !parts.contains("") else {
                throw BenchmarkFailure(.usage, "--\(long): \"\(text)\" has an empty value; leave a comma out")
            }
            return parts
        case .number(let allowed):
            return try NumberList(text, option: long, allowed: allowed).numbers.map(String.init)
        case .octal:
            return try NumberList(text, option: long, allowed: 0...0o7777, isOctal: true).numbers.map(
                String.init)
        }
    }

    static let common: [PMDKOption] = [
        PMDKOption(
            long: "threads", short: "t", kind: .number(1...1024), defaultValue: "1", help: "worker threads"),
        PMDKOption(
            long: "ops-per-thread", short: "n", kind: .number(1...Int(UInt32.max)), defaultValue: "1",
            help: "operations of each thread"),
        PMDKOption(
            long: "data-size", short: "d", kind: .number(1...1 << 30), defaultValue: "1",
            help: "bytes of an operation; of a value"),
        PMDKOption(
            long: "file", short: "f", kind: .text, defaultValue: "/mnt/pmem/testfile",
            help: "where to make the file or the store; it must not exist", isInResults: false),
        PMDKOption(
            long: "fmode", short: "m", kind: .octal, defaultValue: "0666", help: "mode of the file",
            isInResults: false),
        PMDKOption(
            long: "seed", short: "s", kind: .number(0...Int(UInt32.max)), defaultValue: "0",
            help: "seed of all random choices"),
        PMDKOption(
            long: "repeats", short: "r", kind: .number(1...1_000_000), defaultValue: "1",
            help: "repeats of each combination"),
        PMDKOption(
            long: "thread-affinity", short: "F", kind: .flag, defaultValue: "false",
            help: "pin each thread to a processor"),
        PMDKOption(
            long: "affinity-list", short: "I", kind: .text, defaultValue: "",
            help: "processors to pin to, separated by semicolons", isInResults: false),
        PMDKOption(
            long: "main-affinity", kind: .number(-1...65535), defaultValue: "-1",
            help: "processor of the main thread; -1: any"),
        PMDKOption(
            long: "min-exe-time", short: "e", kind: .number(0...86400), defaultValue: "0",
            help: "repeat for at least so many seconds"),
        PMDKOption(
            long: "dynamic-poolset", short: "p", kind: .flag, defaultValue: "false",
            help: "must be false: there are no pool sets", isInResults: false),
    ]
}

/// One combination of values.
struct PMDKArguments: Sendable {
    static let mostCombinations = 10_000

    let values: [String: String]

    func text(_ option: String) -> String { values[option] ?? "" }
    func number(_ option: String) -> Int { Int(text(option)) ?? 0 }
    func flag(_ option: String) -> Bool { text(option) == "true" }

    var threads: Int { number("threads") }
    var operationsPerThread: Int { number("ops-per-thread") }
    var operations: Int { threads * operationsPerThread }
    var dataSize: Int { number("data-size") }
    var seed: UInt64 { UInt64(number("seed")) }
    var file: String { text("file") }

    /// Bytes of all operations side by side, a word for each at least.
    ///
    /// - Throws: a refusal where no file can be so long.
    func operationBytes() throws -> Int {
        let (bytes, isTooMuch) = operations.multipliedReportingOverflow(by: max(dataSize, 8))
        guard !isTooMuch, bytes <= 1 << 60 else {
            throw BenchmarkFailure(
                .usage,
                "\(operations) operations of \(dataSize) bytes are more than 1 EiB; "
                    + "lower --ops-per-thread or --data-size")
        }
        return bytes
    }

    /// Processors for the threads in turn; empty: any.
    func processors(available: Int) throws -> [Int] {
        guard flag("thread-affinity") else { return [] }
        let list = text("affinity-list")
        if list.isEmpty { return Array(0..<available) }
        return try list.split(separator: ";").map { item in
            guard let number = Int(item), number >= 0 else {
                throw BenchmarkFailure(.usage, "--affinity-list: \"\(item)\" is no processor; example: 0;2;4")
            }
            return number
        }
    }

    /// The product of all lists. As in PMDK the options that come first vary fastest.
    static func combinations(_ settings: [ConfigFile.Setting], _ options: [PMDKOption]) throws
        -> [PMDKArguments]
    {
        let defaults = try options.map { ($0.long, try $0.values($0.defaultValue)[0]) }
        var combinations: [[String: String]] = [Dictionary(defaults) { $1 }]
        for (key, text) in settings {
            guard let option = options.first(where: { $0.long == key }) else {
                let known = options.map(\.long).joined(separator: ", ")
                throw BenchmarkFailure(.usage, "no such option: \(key); known are \(known)")
            }
            let values = try option.values(text)
            // Looked at before they are made: two long lists would take all memory.
            guard values.count <= mostCombinations / combinations.count else {
                throw BenchmarkFailure(
                    .usage, "more than \(mostCombinations) combinations; shorten the lists")
            }
            combinations = values.flatMap { value in
                combinations.map { $0.merging([key: value]) { $1 } }
            }
        }
        return combinations.map(PMDKArguments.init)
    }
}
