import Foundation

/// One page with everything in it: where, pictures, ratios, rows. It needs no other file and no network.
struct HTMLReport {
    let report: SavedReport
    /// Titles and SVG texts.
    let pictures: [(title: String, svg: Data)]

    var text: String {
        let engine = report.engines.first ?? "-"
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>pmembench</title>
            <style>
            body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; color: #222; }
            table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
            th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd; }
            th:first-child, td:first-child, td.t, th.t { text-align: left; }
            img { max-width: 100%; } .scroll { overflow-x: auto; } .ahead { color: #063; }
            .behind { color: #a33; }
            </style></head><body>
            <h1>pmembench: \(escaped(engine)) beside others</h1>
            \(report.incompleteness.map { "<p>\(escaped($0))</p>" } ?? "")
            <p>\(escaped(report.origin)).</p>
            <p>\(escaped(versions)).</p>
            \(notes)
            \(pictures.map(figure).joined(separator: "\n"))
            <h2>Ratios</h2>
            <p>Geometric mean over rounds, paired round by round, with the 95 % interval of Student's t.</p>
            \(ratios)
            <h2>Rows</h2>
            \(rows)
            </body></html>
            """
    }

    private func figure(_ picture: (title: String, svg: Data)) -> String {
        "<h2>\(escaped(picture.title))</h2>\n<img alt=\"\(escaped(picture.title))\" "
            + "src=\"data:image/svg+xml;base64,\(picture.svg.base64EncodedString())\">"
    }

    private var versions: String {
        report.environment.engines.map { "\($0.engine) \($0.version)" }.joined(separator: ", ")
    }

    private var notes: String {
        let waits = report.engines.compactMap { engine in
            report.rows.first { $0.engine == engine }.map { "\(engine) waits for: \($0.durability)" }
        }
        let medium =
            report.rows.contains { $0.domain == "volatile" }
            ? ["The medium is volatile: nothing here survives a power cut."] : []
        let omissions = report.omissions.map {
            "\($0.benchmark), \($0.engine): not run: \($0.obstacle ?? "")"
        }
        let items = (medium + waits + omissions).map { "<li>\(escaped($0))</li>" }
        return "<ul>\(items.joined())</ul>"
    }

    private var ratios: String {
        let lines = report.comparisons.map { one -> [String] in
            let lessIsBetter = Metric(rawValue: one.metric)?.moreIsBetter == false
            let isAhead = lessIsBetter ? one.ratio.ratio < 1 : one.ratio.ratio > 1
            let ratio =
                "<span class=\"\(isAhead ? "ahead" : "behind")\">"
                + "\(TableReport.decimal(one.ratio.ratio))</span>"
            let interval = zip2(one.ratio.low, one.ratio.high).map {
                "\(TableReport.decimal($0)) to \(TableReport.decimal($1))"
            }
            return [
                escaped(one.benchmark), escaped(Metric(rawValue: one.metric)?.label ?? one.metric),
                "\(one.operationsPerTransaction)", "\(one.keys)", "\(one.valueBytes)", "\(one.threads)",
                escaped(one.opponent), ratio, interval ?? "-",
            ]
        }
        return table(
            ["benchmark", "metric", "per tx", "keys", "value", "threads", "against", "ratio", "95 %"], lines)
    }

    private var rows: String {
        let lines = report.rows.map { row -> [String] in
            let latency = row.latencyNanoseconds
            return [
                escaped(row.benchmark), escaped(row.engine), "\(row.operationsPerTransaction)", "\(row.keys)",
                "\(row.valueBytes)", "\(row.threads)", TableReport.grouped(Spread(row.rounds)?.median ?? 0),
                TableReport.duration(latency?["p50"]),
                TableReport.duration(latency?["p99"]),
                TableReport.duration(latency?["p99.9"]),
                TableReport.decimal(row.bytesPerPair),
                row.backgroundWritesPerSecond.map(TableReport.grouped) ?? "-",
                TableReport.duration(row.longestWriteNanoseconds),
            ]
        }
        return table(
            [
                "benchmark", "engine", "per tx", "keys", "value", "threads", "ops/s", "p50", "p99", "p99.9",
                "bytes/pair", "writes/s", "write max",
            ], lines)
    }

    private func table(_ heads: [String], _ lines: [[String]]) -> String {
        let head = heads.map { "<th>\($0)</th>" }.joined()
        let body = lines.map { line in "<tr>" + line.map { "<td>\($0)</td>" }.joined() + "</tr>" }
        return "<div class=\"scroll\"><table><tr>\(head)</tr>\n\(body.joined(separator: "\n"))</table></div>"
    }

    private func zip2(_ first: Double?, _ second: Double?) -> (Double, Double)? {
        guard let first, let second else { return nil }
        return (first, second)
    }

    private func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }
}
