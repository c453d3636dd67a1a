import Foundation

/// Brings a file to its medium.
enum FileSync {
    static func sync(_ path: String) throws {
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { throw BenchmarkFailure(.failure, "cannot open \(path) to sync it") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw BenchmarkFailure(.failure, "cannot sync \(path)") }
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

/// A file that is read as a whole because the command line names it.
enum TextFile {
    /// None of ours is longer; what is, was meant to be another one.
    private static let longest = 256 << 20

    /// `what` the file should be, for the refusal. A device or a pipe would never end.
    static func data(_ path: String, _ what: String) throws -> Data {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= longest, let data = try? Data(contentsOf: URL(fileURLWithPath: path))
        else { throw BenchmarkFailure(.usage, "\(path) cannot be read; name \(what)") }
        return data
    }

    static func text(_ path: String, _ what: String) throws -> String {
        guard let text = String(data: try data(path, what), encoding: .utf8) else {
            throw BenchmarkFailure(.usage, "\(path) is no text; name \(what)")
        }
        return text
    }
}
