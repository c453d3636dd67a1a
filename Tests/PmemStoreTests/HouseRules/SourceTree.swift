internal import Glibc

@testable internal import PmemStore

/// The package's own files, for tests that read them.
enum SourceTree {
    /// The package's directory: this file is Tests/PmemStoreTests/HouseRules/SourceTree.swift in it.
    static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

    /// Paths within the package of all files below a directory whose names end so.
    static func files(below directory: String, suffix: String) -> [String] {
        guard let stream = unsafe opendir(root + "/" + directory) else { return [] }
        defer { unsafe closedir(stream) }
        var found: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            let path = directory + "/" + name
            if unsafe entry.pointee.d_type == UInt8(DT_DIR) {
                found += files(below: path, suffix: suffix)
            } else if name.hasSuffix(suffix) {
                found.append(path)
            }
        }
        return found.sorted()
    }

    static func text(_ path: String) -> String {
        String(decoding: bytes(of: root + "/" + path), as: UTF8.self)
    }

    static func lines(_ path: String) -> [String] {
        text(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    static func exists(_ path: String) -> Bool { unsafe access(root + "/" + path, F_OK) == 0 }

    /// A line without its comment. Good enough where no string holds two slashes.
    static func code(_ line: String) -> Substring {
        guard let slashes = line.firstRange(of: "//") else { return line[...] }
        return line[..<slashes.lowerBound]
    }

    /// The words of a line of code, in which types and functions are looked for.
    static func words(_ line: String) -> [Substring] {
        code(line).split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "!") }
    }
}
