/// Where a call through the door to the medium stands in the sources. Constants that production never looks at, so that
/// it never makes them.
package struct CallSite: Sendable {
    /// As `#fileID` has it: module and file.
    package let file: StaticString
    package let line: UInt32

    @inline(__always)
    package init(_ file: StaticString = #fileID, _ line: UInt32 = #line) {
        self.file = file
        self.line = line
    }
}
