import Foundation

/// Lines for people on standard error.
enum Diagnostics {
    static func write(_ text: String) {
        FileHandle.standardError.write(Data("pmembench: \(text)\n".utf8))
    }
}
