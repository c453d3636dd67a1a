import CPmem
import Foundation

/// Where the figures come from, for the head of a table.
enum MachineReport {
    static func text(path: String) -> String {
        let processors = ProcessInfo.processInfo.activeProcessorCount
        let forced =
            ProcessInfo.processInfo.environment["PMEM_IS_PMEM_FORCE"] == "1" ? ", libpmem forced" : ""
        return
            "\(processor()), \(processors) in use; Linux \(kernel()); \(path): \(fileSystem(path))\(forced)"
    }

    private static func processor() -> String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = lines.split(separator: "\n").first { $0.hasPrefix("model name") }
        return model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
            ?? "unknown processor"
    }

    private static func kernel() -> String {
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
}
