import Foundation

/// This program as the system sees it.
enum Executable {
    private static let forceVariable = "PMEM_IS_PMEM_FORCE"

    static func path() throws -> String {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            throw BenchmarkFailure(.failure, "cannot read /proc/self/exe: mount /proc")
        }
    }

    /// Starts the program again with libpmem told to flush cache lines on tmpfs as on persistent memory.
    ///
    /// libpmem reads the variable before `main`, so it has to stand in the environment of a fresh process.
    static func restartWithForcedPersistentMemory() throws {
        guard ProcessInfo.processInfo.environment[forceVariable] == nil else { return }
        unsafe setenv(forceVariable, "1", 1)
        let path = try path()
        unsafe execv(path, CommandLine.unsafeArgv)
        throw BenchmarkFailure(.failure, "cannot start \(path) again; set \(forceVariable)=1 yourself")
    }
}
