import Foundation

/// Libraries that tell no version of theirs have one in the name of their file.
enum SharedLibrary {
    /// Such as 7.8.3 for a mapped file /usr/lib/librocksdb.so.7.8.3 and the name "librocksdb".
    static func version(of library: String) -> String {
        // Foundation believes the size that the system states for the file, which is 0: read to the end instead.
        let maps = FileHandle(forReadingAtPath: "/proc/self/maps")?.readDataToEndOfFile() ?? Data()
        let mark = "/" + library + ".so."
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            if let range = line.range(of: mark) { return String(line[range.upperBound...]) }
        }
        return "unknown"
    }
}

/// Bytes that the files of a directory take on their medium.
enum FileUsage {
    static func allocatedBytes(in directory: String) throws -> UInt64 {
        var total: UInt64 = 0
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory) {
            var status = stat()
            // A file may go while others are counted: a log that was just superseded, say.
            guard unsafe lstat(directory + "/" + name, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFREG { total += UInt64(status.st_blocks) * 512 }
        }
        return total
    }
}
