internal import Glibc
import Testing

@testable internal import PmemStore

/// Misuse that the compiler must refuse: the snippets in Tests/MustNotCompile, whose first line says why.
@Suite("Must not compile")
struct MustNotCompileTests {
    private static let compiler = Compiler.find()

    @Test(
        "Each snippet is refused for its reason, and the control is not",
        .enabled(if: compiler != nil, "needs swiftc on the path and the built modules"),
        arguments: SourceTree.files(below: "Tests/MustNotCompile", suffix: ".swift.txt"))
    func snippet(path: String) throws {
        let compiler = try #require(Self.compiler)
        let source = SourceTree.text(path)
        let output = compiler.output(compiling: source)
        let promise = source.prefix { $0 != "\n" }
        if promise == "// compiles" {
            #expect(output == "", "the positive control of the others")
        } else {
            #expect(output.contains(promise.dropFirst("// error: ".count)))
            #expect(output.contains("error: "))
        }
    }

    @Test("There are snippets")
    func notEmpty() {
        #expect(SourceTree.files(below: "Tests/MustNotCompile", suffix: ".swift.txt").count >= 8)
    }
}

/// The compiler and what it needs to see the built library.
private struct Compiler: Sendable {
    private let modules: String

    /// Nil when there is no compiler, or when the modules are not where the package manager puts them.
    static func find() -> Compiler? {
        guard Shell.run("command -v swiftc") else { return nil }
        var path = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count - 1)
        let bytes = path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
        let folder = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast()
        let modules = "/" + folder.joined(separator: "/") + "/Modules"
        return Shell.run("test -e '\(modules)/PmemStore.swiftmodule'") ? Compiler(modules: modules) : nil
    }

    /// What the compiler says of a source; ownership is checked on the way to SIL, not by `-typecheck`.
    func output(compiling source: String) -> String {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        let file = scratch.path + "/snippet.swift"
        let map = SourceTree.root + "/Sources/CPmem/module.modulemap"
        let guardMap = SourceTree.root + "/Sources/CBusGuard/include/module.modulemap"
        overwrite(file, at: 0, with: Array(source.utf8))
        Shell.run(
            "exec >'\(scratch.path)/output' 2>&1; "
                + "swiftc -emit-sil -o /dev/null -swift-version 6 "
                + "-I '\(modules)' -Xcc '-fmodule-map-file=\(map)' -Xcc '-fmodule-map-file=\(guardMap)' "
                + "'\(file)'; true")
        return String(decoding: bytes(of: scratch.path + "/output"), as: UTF8.self)
    }
}
