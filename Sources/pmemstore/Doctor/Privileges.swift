import Foundation

/// The capabilities of this process that a store can make use of.
struct Privileges {
    /// By the names of capabilities(7), with their numbers.
    private static let useful = [
        "CAP_LINUX_IMMUTABLE": 9, "CAP_SYS_ADMIN": 21, "CAP_DAC_READ_SEARCH": 2, "CAP_LEASE": 28,
    ]

    let held: [String: Bool]

    init() {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let mask = line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16) } ?? 0
        held = Self.useful.mapValues { mask >> UInt64($0) & 1 == 1 }
    }

    func has(_ name: String) -> Bool { held[name] ?? false }
}
