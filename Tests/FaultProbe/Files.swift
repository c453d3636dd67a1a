internal import Glibc

/// Files and directories, for the probe's own use.
enum Files {
    static func names(_ path: String) throws -> [String] {
        guard let stream = unsafe opendir(path) else { throw Broken(what: "cannot list \(path)") }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    static func text(_ path: String) throws -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Broken(what: "cannot open \(path)") }
        defer { close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe read(file, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += buffer.prefix(count)
        }
    }

    static func copyDirectory(_ source: String, to target: String) throws {
        guard unsafe mkdir(target, 0o700) == 0 else { throw Broken(what: "cannot make \(target)") }
        for name in try names(source) { try copyFile(source + "/" + name, to: target + "/" + name) }
    }

    private static func copyFile(_ source: String, to target: String) throws {
        let input = unsafe open(source, O_RDONLY | O_CLOEXEC)
        let output = unsafe open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer {
            close(input)
            close(output)
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe read(input, &buffer, buffer.count)
            guard count >= 0 else { throw Broken(what: "cannot read \(source)") }
            if count == 0 { return }
            guard unsafe write(output, buffer, count) == count else {
                throw Broken(what: "cannot write \(target)")
            }
        }
    }

    static func removeDirectory(_ path: String) {
        for name in (try? names(path)) ?? [] { unsafe unlink(path + "/" + name) }
        unsafe rmdir(path)
    }
}
