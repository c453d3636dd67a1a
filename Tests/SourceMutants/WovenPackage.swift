/// A copy of the package in which every mutant of the engine can be switched on.
package struct WovenPackage {
    package let catalogue: MutantCatalogue
    private let root: String

    /// - Parameter root: Directory of the package.
    package init(root: String) throws {
        self.root = root
        catalogue = try MutantCatalogue(directory: root + "/" + Self.lists)
    }

    package static let lists = "Tests/SourceMutants/Lists"
    private static let engine = "Sources/PmemStore/"

    /// The engine's sources that mutants change, woven, by path.
    ///
    /// - Throws: ``MutantListError`` for a mutant whose text is not in its file exactly once.
    package func sources() throws -> [String: String] { try weavers().mapValues { try $0.woven() } }

    /// Pairs of mutants, by number, of which one would hide the other, the lower first.
    package func clashes() throws -> Set<[Int]> {
        try weavers().values.reduce(into: []) { $0.formUnion($1.clashes) }
    }

    private func weavers() throws -> [String: Weaver] {
        var weavers: [String: Weaver] = [:]
        for mutant in catalogue.mutants {
            for hunk in mutant.hunks {
                let path = Self.engine + hunk.file
                var weaver = try weavers[path] ?? Weaver(path: path, text: TextFile.read(root + "/" + path))
                try weaver.add(hunk, of: mutant)
                weavers[path] = weaver
            }
        }
        return weavers
    }

    /// Makes the copy, or brings it up to date; what has not changed is not touched.
    package func copy(to target: String) throws {
        var woven = try sources()
        woven[Self.engine + "SourceMutant.swift"] = Self.switches
        var kept: Set<String> = []
        for part in ["Package.swift", "Sources", "Tests", "Examples", "docs", "README.md"] {
            let paths = TextFile.paths(below: root + "/" + part).map { part + "/" + $0 }
            for path in paths.isEmpty ? [part] : paths where woven[path] == nil {
                let source = root + "/" + path
                try TextFile.write(TextFile.readBytes(source), to: target + "/" + path, like: source)
                kept.insert(path)
            }
        }
        for (path, text) in woven { try TextFile.write(Array(text.utf8), to: target + "/" + path) }
        for part in ["Sources", "Tests", "Examples"] {
            for path in TextFile.paths(below: target + "/" + part).map({ part + "/" + $0 })
            where !kept.contains(path) && woven[path] == nil {
                TextFile.remove(target + "/" + path)
            }
        }
    }

    private static let switches = """
        import Glibc

        /// Which mutants of this copy run: one, or two at the same time; 0: none.
        package enum SourceMutant {
            nonisolated(unsafe) package static var number = unsafe getenv("PMEMSTORE_SOURCE_MUTANT")
                .flatMap { unsafe Int(String(cString: $0)) } ?? 0
            nonisolated(unsafe) package static var second = 0

            @inline(__always)
            package static func isOn(_ wanted: Int) -> Bool { unsafe number == wanted || second == wanted }
        }

        """
}
