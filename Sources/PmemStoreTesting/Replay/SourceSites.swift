internal import Glibc
package import PmemStore

/// Where in the engine's sources a call through the door stands. The door is told a line only, so that production pays
/// nothing; the sources beside this file tell which files have such a call there.
package struct SourceSites {
    private var files: [String: [String]] = [:]

    /// - Parameter directory: The engine's sources; by default those that this was compiled beside.
    package init(directory: String? = nil) {
        let root = directory ?? Self.beside(#filePath)
        for room in Self.entries(root) {
            for file in Self.entries("\(root)/\(room)") where file.hasSuffix(".swift") {
                guard let text = Self.read("\(root)/\(room)/\(file)") else { continue }
                files["\(room)/\(file)"] = text.split(separator: "\n", omittingEmptySubsequences: false)
                    .map(String.init)
            }
        }
    }

    /// As `Room/File.swift:LINE`; of several that could be, all.
    package func name(_ kind: SimulatedEvent.Kind, line: UInt32) -> String {
        let calls = kind == .flush ? ["flush", "construct"] : ["\(kind)"]
        let names = files.keys.sorted().filter { file in
            guard let text = files[file], Int(line) <= text.count, line > 0 else { return false }
            return calls.contains { text[Int(line) - 1].contains("medium.\($0)") }
        }
        return names.isEmpty ? "line \(line)" : names.map { "\($0):\(line)" }.joined(separator: " or ")
    }

    private static func beside(_ file: String) -> String {
        // Sources/PmemStoreTesting/Replay/SourceSites.swift
        file.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
            + "/PmemStore"
    }

    private static func entries(_ path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func read(_ path: String) -> String? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe part.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }
}
