internal import Glibc

/// Files as the tools of the mutants need them.
package enum TextFile {
    /// - Throws: ``MutantListError`` where the file cannot be read.
    package static func read(_ path: String) throws -> String {
        String(decoding: try readBytes(path), as: UTF8.self)
    }

    package static func readBytes(_ path: String) throws -> [UInt8] {
        guard let file = unsafe fopen(path, "r") else { throw failure("cannot be read", path) }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Writes a file with its directories. One that is the same already is not touched, so that it is not built again.
    package static func write(_ bytes: [UInt8], to path: String, like source: String? = nil) throws {
        if exists(path), try readBytes(path) == bytes { return }
        makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)))
        guard let file = unsafe fopen(path, "w") else { throw failure("cannot be written", path) }
        let count = unsafe fwrite(bytes, 1, bytes.count, file)
        guard unsafe fclose(file) == 0, count == bytes.count else { throw failure("cannot be written", path) }
        if let source { unsafe chmod(path, mode(of: source)) }
    }

    private static func failure(_ what: String, _ path: String) -> MutantListError {
        MutantListError(place: path, reason: unsafe "\(what): \(String(cString: strerror(errno)))")
    }

    package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    private static func mode(of path: String) -> mode_t {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o644
    }

    private static func makeDirectory(_ path: String) {
        if path.isEmpty || exists(path) { return }
        if let slash = path.lastIndex(of: "/") { makeDirectory(String(path[..<slash])) }
        unsafe mkdir(path, 0o755)
    }

    package static func remove(_ path: String) { unsafe unlink(path) }

    /// Paths, from a directory, of all files below it, in order. Hidden ones are left out.
    package static func paths(below directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var found: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            if unsafe entry.pointee.d_type == UInt8(DT_DIR) {
                found += paths(below: directory + "/" + name).map { name + "/" + $0 }
            } else {
                found.append(name)
            }
        }
        return found.sorted()
    }
}
