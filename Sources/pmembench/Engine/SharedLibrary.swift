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
