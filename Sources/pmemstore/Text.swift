import Foundation

/// Numbers as people read them.
enum Text {
    static func bytes(_ count: UInt64) -> String {
        if count >= 10 << 30 { return "\(count >> 30) GiB" }
        return count >= 1 << 20 ? "\(count >> 20) MiB" : "\(count) bytes"
    }

    static func decimal(_ number: Double) -> String { String(format: "%.2f", number) }

    /// Rounded up: what is a little is not nothing.
    static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded(.up))) %" }

    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
