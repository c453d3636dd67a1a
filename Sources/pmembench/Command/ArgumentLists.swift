/// Comma-separated lists of the command line.
enum ArgumentLists {
    static func workloads(_ text: String) throws -> [Workload] {
        for item in items(text) {
            guard let remedy = Workload.elsewhere[item] else { continue }
            throw BenchmarkFailure(.usage, "no such workload: \"\(item)\"; \(remedy)")
        }
        return try names(text, what: "workload")
    }

    static func engines(_ text: String) throws -> [EngineName] {
        try names(text, what: "engine")
    }

    /// Whole numbers, above 0 unless told otherwise.
    static func sizes(_ text: String, option: String, from least: Int = 1) throws -> [Int] {
        try items(text).map { item in
            guard let number = Int(item), number >= least else {
                throw BenchmarkFailure(
                    .usage,
                    "\(option): \"\(item)\" is no number above \(least - 1); give a list such as 1,10,1000")
            }
            return number
        }
    }

    private static func names<Name: RawRepresentable<String> & CaseIterable & Equatable>(
        _ text: String, what: String
    ) throws -> [Name] {
        var names: [Name] = []
        for item in items(text) {
            guard let name = Name(rawValue: item) else {
                let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
                throw BenchmarkFailure(.usage, "no such \(what): \"\(item)\"; known are \(known)")
            }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    private static func items(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}
