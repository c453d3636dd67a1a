internal import Glibc
package import PmemStore

/// Where in the engine's sources a call through the door stands. The door is told a number; the sources beside this
/// file tell whose it is.
package struct SourceSites {
    /// Names of files, with the folder, and their numbers of lines.
    private var files: [(name: String, lines: Int)] = []

    /// - Parameter directory: The engine's sources; by default those that this was compiled beside.
    package init(directory: String? = nil) {
        let root = directory ?? Self.beside(#filePath)
        for room in Self.entries(root) {
            for file in Self.entries("\(root)/\(room)") where file.hasSuffix(".swift") {
                guard let text = Self.read("\(root)/\(room)/\(file)") else { continue }
                files.append(("\(room)/\(file)", text.utf8.count { $0 == UInt8(ascii: "\n") }))
            }
        }
    }

    /// As `Room/File.swift:LINE`.
    package func name(_ site: SourceSite) -> String {
        let file = files.first {
            site.line > 0 && Int(site.line) <= $0.lines && SourceSite(file: $0.name, line: site.line) == site
        }
        return (file.map { "\($0.name):" } ?? "line ") + "\(site.line)"
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
