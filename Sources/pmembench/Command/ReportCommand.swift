import ArgumentParser
import Foundation

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draws saved reports: plots as SVG and PNG, one HTML page, tables in Markdown files.",
        discussion: """
            Several reports must be of one commit and machine. Plots of scaling appear where rows differ \
            in keys, value size or threads, that of recovery where open_killed was run. Needs gnuplot.
            """)

    @Argument(help: "Files that run --output or compare --output wrote.")
    var files: [String]

    @Option(help: "Directory for the plots and report.html; created where there is none.")
    var directory: String?

    @Option(
        help: "Markdown file whose table between the marks of pmembench is to be rewritten; may be repeated.")
    var markdown: [String] = []

    @Option(help: "The same with a shorter table: rates of the first keys and values; may be repeated.")
    var summary: [String] = []

    func run() throws {
        guard directory != nil || !markdown.isEmpty || !summary.isEmpty else {
            throw BenchmarkFailure(
                .usage, "name --directory for plots, or --markdown or --summary for a table")
        }
        let report = try SavedReport(joining: files.map { try SavedReport(path: $0) })
        if let directory { try draw(report, in: directory) }
        for path in markdown { try MarkdownTable(report: report).rewrite(path) }
        for path in summary { try MarkdownTable(report: report, isSummary: true).rewrite(path) }
    }

    private func draw(_ report: SavedReport, in directory: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw BenchmarkFailure(.usage, "cannot create \(directory): \(error.localizedDescription)")
        }
        let charts = Charts(report).all
        let paths = try Gnuplot(directory: directory).draw(charts)
        let pictures = try zip(charts, paths).map { chart, path in
            (title: chart.title, svg: try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        let page = directory + "/report.html"
        try HTMLReport(report: report, pictures: pictures).text.write(
            toFile: page, atomically: true, encoding: .utf8)
        print("\(page), and \(paths.count) plots beside it as SVG and PNG")
    }
}
