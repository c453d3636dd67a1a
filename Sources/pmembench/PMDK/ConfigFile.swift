import Foundation

/// A file of scenarios: sections in brackets with lines `key = value`; lines that begin with # are comments. What is in
/// `[global]` holds for every scenario that does not say otherwise.
struct ConfigFile: Sendable {
    typealias Setting = (key: String, value: String)

    private struct Section {
        let name: String
        var settings: [Setting] = []
    }

    let scenarios: [Scenario]

    init(path: String) throws {
        try self.init(text: try TextFile.text(path, "a file of scenarios"), path: path)
    }

    init(text: String, path: String) throws {
        let sections = try Self.sections(text, path)
        let global = sections.first { $0.name == "global" }?.settings ?? []
        scenarios = sections.filter { $0.name != "global" }.map { Self.scenario($0, global) }
        guard !scenarios.isEmpty else {
            throw BenchmarkFailure(
                .usage, "\(path) has no scenario; a scenario begins with its name in brackets")
        }
    }

    /// The named scenarios, or all of them.
    func scenarios(named names: [String], path: String) throws -> [Scenario] {
        if names.isEmpty { return scenarios }
        return try names.map { name in
            guard let scenario = scenarios.first(where: { $0.name == name }) else {
                let known = scenarios.compactMap(\.name).joined(separator: ", ")
                throw BenchmarkFailure(.usage, "\(path) has no scenario \"\(name)\"; it has \(known)")
            }
            return scenario
        }
    }

    private static func sections(_ text: String, _ path: String) throws -> [Section] {
        var sections: [Section] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("[") {
                guard line.hasSuffix("]"), line.count > 2 else {
                    throw BenchmarkFailure(
                        .usage, "\(path), line \(index + 1): a section is a name in brackets")
                }
                sections.append(Section(name: String(line.dropFirst().dropLast())))
            } else {
                guard let equals = line.firstIndex(of: "="), equals > line.startIndex else {
                    throw BenchmarkFailure(.usage, "\(path), line \(index + 1): expected key = value")
                }
                guard !sections.isEmpty else {
                    throw BenchmarkFailure(
                        .usage, "\(path), line \(index + 1): a setting before the first [section]")
                }
                let key = line[..<equals].trimmingCharacters(in: .whitespaces)
                let value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
                sections[sections.count - 1].settings.set(key, value)
            }
        }
        return sections
    }

    /// Global settings first, then the scenario's own; the order decides how combinations are run through.
    private static func scenario(_ section: Section, _ global: [Setting]) -> Scenario {
        var settings = global.filter { setting in !section.settings.contains { $0.key == setting.key } }
        settings += section.settings
        let words = Dictionary(settings.map { ($0.key, $0.value) }) { $1 }
        return Scenario(
            name: section.name, benchmark: words["bench"] ?? section.name, group: words["group"],
            settings: settings.filter { !["bench", "group"].contains($0.key) })
    }
}

/// One benchmark with its settings.
struct Scenario: Sendable {
    /// nil when it comes from the command line.
    let name: String?
    let benchmark: String
    var group: String?
    var settings: [ConfigFile.Setting]
}

extension [ConfigFile.Setting] {
    /// Replaces a setting in its place, or adds it.
    mutating func set(_ key: String, _ value: String) {
        if let index = firstIndex(where: { $0.key == key }) {
            self[index].value = value
        } else {
            append((key, value))
        }
    }
}
