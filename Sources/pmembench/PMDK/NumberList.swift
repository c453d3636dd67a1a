/// Numbers as PMDK's pmembench takes them: a list `a,b,c` of single ones and of ranges `first:<op>step:last`, where the
/// operation is one of + - * /.
struct NumberList {
    static let longest = 100_000

    let numbers: [Int]

    /// `option` is named in refusals.
    init(_ text: String, option: String, allowed: ClosedRange<Int>, isOctal: Bool = false) throws {
        let parser = Parser(option: option, allowed: allowed, isOctal: isOctal)
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            numbers += try parser.numbers(of: String(part))
            guard numbers.count <= Self.longest else {
                throw BenchmarkFailure(.usage, "--\(option): more than \(Self.longest) values in \"\(text)\"")
            }
        }
        self.numbers = numbers
    }

    private struct Parser {
        let option: String
        let allowed: ClosedRange<Int>
        let isOctal: Bool

        func numbers(of part: String) throws -> [Int] {
            let fields = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            switch fields.count {
            case 1: return [try number(part)]
            case 3: return try range(part, fields)
            default: throw refusal(part)
            }
        }

        private func range(_ part: String, _ fields: [String]) throws -> [Int] {
            guard let sign = fields[1].first, let step = Int(fields[1].dropFirst()) else {
                throw refusal(part)
            }
            guard step >= ("*/".contains(sign) ? 2 : 1), let advance = Self.advances[sign] else {
                throw BenchmarkFailure(
                    .usage, "--\(option): in \"\(part)\" the step must be +n or -n from 1, or *n or /n from 2"
                )
            }
            let last = try number(fields[2])
            let isRising = "+*".contains(sign)
            var found = [try number(fields[0])]
            while found.count <= NumberList.longest, let current = found.last {
                guard let next = advance(current, step), next != current else { break }
                // From a negative number on, * falls.
                guard isRising ? next <= last : next >= last, allowed.contains(next) else { break }
                found.append(next)
            }
            return found
        }

        /// Nil where the number would not fit.
        private static let advances: [Character: @Sendable (Int, Int) -> Int?] = [
            "+": { fitting($0.addingReportingOverflow($1)) },
            "-": { fitting($0.subtractingReportingOverflow($1)) },
            "*": { fitting($0.multipliedReportingOverflow(by: $1)) },
            "/": { $0 / $1 },
        ]

        private static func fitting(_ result: (partialValue: Int, overflow: Bool)) -> Int? {
            result.overflow ? nil : result.partialValue
        }

        private func number(_ text: String) throws -> Int {
            guard let number = value(text) else { throw refusal(text) }
            guard allowed.contains(number) else {
                let bounds = "from \(allowed.lowerBound) to \(allowed.upperBound)"
                throw BenchmarkFailure(.usage, "--\(option): \(text) is not \(bounds)")
            }
            return number
        }

        private func value(_ text: String) -> Int? {
            if isOctal { return Int(text, radix: 8) }
            return text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        }

        private func refusal(_ text: String) -> BenchmarkFailure {
            BenchmarkFailure(
                .usage,
                "--\(option): \"\(text)\" is neither number nor range; examples: 8, 1,2,4, 1:*2:32, 9:-2:1"
            )
        }
    }
}
