import CPmem
import Foundation

/// Where figures come from. A figure without it is worth nothing.
struct BenchmarkEnvironment: Sendable, Codable {
    let processor: String
    let processors: Int
    let kernel: String
    let path: String
    let fileSystem: String
    /// "yes", "no" or "unknown".
    let dax: String
    /// libpmem was told to flush cache lines although the medium is none that keeps them.
    let isForced: Bool
    /// Day of the run, the first one of several.
    var date: String
    /// Commit of the sources, where they are at hand, with a + when they were changed since, or since this program was
    /// built.
    let commit: String
    var engines: [EngineVersion]

    struct EngineVersion: Sendable, Codable, Equatable {
        let engine: String
        let version: String
    }

    init(path: String, engines: [EngineName]) {
        processor = Self.processorName()
        processors = ProcessInfo.processInfo.activeProcessorCount
        kernel = Self.kernelRelease()
        self.path = path
        fileSystem = Self.fileSystem(path)
        dax = Self.dax(path)
        isForced = ProcessInfo.processInfo.environment["PMEM_IS_PMEM_FORCE"] == "1"
        date = Self.today()
        commit = Self.sourceCommit()
        self.engines = engines.compactMap { name in
            (try? name.accept(VersionReader())).map { EngineVersion(engine: name.rawValue, version: $0) }
        }
    }

    /// What differs from another run, so that figures of both do not go together; nil: nothing.
    func difference(from other: BenchmarkEnvironment) -> String? {
        let facts = [
            ("processor", processor, other.processor), ("processors", "\(processors)", "\(other.processors)"),
            ("kernel", kernel, other.kernel), ("file system", fileSystem, other.fileSystem),
            ("DAX", dax, other.dax),
            ("libpmem forced", "\(isForced)", "\(other.isForced)"), ("commit", commit, other.commit),
        ]
        return facts.first { $0.1 != $0.2 }.map { "\($0.0): \($0.1) here, \($0.2) there" }
    }

    /// False where the sources were changed since their commit: the same name may stand for others.
    var isOfCommit: Bool { !commit.hasSuffix("+") && commit != "unknown" }

    /// One sentence for the head of a table.
    var summary: String {
        let forced = isForced ? ", libpmem forced" : ""
        let versions = engines.map { "\($0.engine) \($0.version)" }.joined(separator: ", ")
        return """
            \(processor), \(processors) in use; Linux \(kernel); \(path): \(fileSystem), \
            DAX \(dax)\(forced); \(date), commit \(commit)
            \(versions)
            """
    }

    private static func processorName() -> String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = lines.split(separator: "\n").first { $0.hasPrefix("model name") }
        return model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
            ?? "unknown processor"
    }

    private static func kernelRelease() -> String {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    /// Type of the file system whose mount point is the longest that the path begins with.
    static func fileSystem(_ path: String) -> String {
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let candidates = mounts.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .filter { $0.count > 2 && (resolved + "/").hasPrefix($0[1] == "/" ? "/" : $0[1] + "/") }
        return candidates.max { $0[1].count <= $1[1].count }?[2] ?? "unknown file system"
    }

    private static func dax(_ path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { return "unknown" }
        defer { close(descriptor) }
        return ["unknown", "no", "yes"][min(1, max(-1, Int(cpm_is_dax(descriptor)))) + 1]
    }

    private static func today() -> String {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = .withFullDate
        return formatter.string(from: Date())
    }

    private static func sourceCommit() -> String {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
        guard let commit = git(["-C", sources, "rev-parse", "--short", "HEAD"]) else { return "unknown" }
        let changes =
            git([
                "-C", sources + "/../../..", "status", "--porcelain", "--untracked-files=no", "Sources",
                "Package.swift",
            ]) ?? ""
        let isStale = hasFiles(in: sources + "/../..", newerThan: (try? Executable.path()) ?? "")
        return commit + (changes.isEmpty && !isStale ? "" : "+")
    }

    /// True when a file below the directory was changed after another one was.
    static func hasFiles(in directory: String, newerThan program: String) -> Bool {
        func time(_ path: String) -> Date? {
            (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
        }
        guard let built = time(program),
            let names = try? FileManager.default.subpathsOfDirectory(atPath: directory)
        else { return false }
        return names.contains { $0.hasSuffix(".swift") && (time(directory + "/" + $0) ?? built) > built }
    }

    private static func git(_ arguments: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

private struct VersionReader: EngineVisitor {
    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) -> String { type.version }
}
