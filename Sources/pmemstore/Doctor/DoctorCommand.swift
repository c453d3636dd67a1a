import ArgumentParser
import Foundation
import PmemStore

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Tells what a directory offers to a store, what state a store is in, and what would be better.",
        discussion: """
            Reads only. The files of a store that is in use are opened for a moment, like any visitor does, to measure
            where their blocks are; its commits may wait for some microseconds. With --no-visit they are not opened.
            What a directory offers is tried out on a file of 8 MiB that has no name and is gone afterwards.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Argument(help: "A store, or a directory in which one could be made.")
    var path: String

    @Option(help: "text or json.")
    var format = Format.text

    @Flag(inversion: .prefixedNo, help: "Open the files of a store that is in use.")
    var visit = true

    func run() throws {
        let report = try DoctorReport(path: path, visits: visit)
        switch format {
        case .text: print(report.text)
        case .json: print(try report.json)
        }
        if !report.problems.isEmpty { throw ExitCode(1) }
    }
}
