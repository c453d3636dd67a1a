internal import CPmem
internal import Glibc

/// Creates the store that is to be opened, when that was asked for and nothing is there.
struct StoreCreator {
    let path: String
    let options: StoreOptions

    func createIfNeeded() throws(StoreError) {
        let isThere = unsafe access(path, F_OK) == 0
        switch options.creation {
        case .never: return
        case .always where isThere: throw .open(.exists(path: path))
        case .ifMissing where isThere: return
        default: break
        }
        try SegmentDirectory.checkMedium(at: path, options: options)
        do throws(StoreError) {
            try create { (_) throws(StoreError) in }
        } catch .open(.exists(let existing)) {
            // Somebody else was faster.
            if options.creation == .always { throw .open(.exists(path: existing)) }
        }
    }

    /// Creates the store; nobody sees it before `complete` has done the rest at the path that it is given.
    func create(completing complete: (String) throws(StoreError) -> Void) throws(StoreError) {
        let identifier = (Self.random(), Self.random())
        let bytes = options.initialBytes
        let size = min(bytes, options.quotaBytes ?? bytes)
        try SegmentDirectory.create(
            path: path, identifier: identifier, byteCount: size, logBytes: options.logBytes,
            initialize: { (descriptor, layout) throws(StoreError) in
                try Self.writeSuperblock(descriptor, layout, identifier, path)
            }, complete: complete)
    }

    /// The first superblock: an empty store, generation 1.
    static func firstSuperblock(_ layout: SegmentLayout, identifier: (UInt64, UInt64)) -> Superblock {
        var fields = cpm_superblock()
        fields.generation = 1
        unsafe withUnsafeMutableBytes(of: &fields.storeIdentifier) { bytes in
            unsafe bytes.storeBytes(of: identifier.0, as: UInt64.self)
            unsafe bytes.storeBytes(of: identifier.1, toByteOffset: 8, as: UInt64.self)
        }
        fields.salt = random()
        fields.logOffset = layout.logOffset
        fields.logBytes = layout.logBytes
        fields.byteCount = layout.byteCount
        fields.segmentCount = 1
        fields.nextTable = Catalog.firstNamedTable
        return Superblock(fields: fields, copyBits: [])
    }

    private static func writeSuperblock(
        _ descriptor: Int32, _ layout: SegmentLayout, _ identifier: (UInt64, UInt64), _ path: String
    ) throws(StoreError) {
        let bytes = firstSuperblock(layout, identifier: identifier).encoded()
        let written = unsafe bytes.withUnsafeBytes { buffer in
            unsafe pwrite(
                descriptor, buffer.baseAddress, buffer.count, off_t(Superblock.offset(generation: 1)))
        }
        guard written == bytes.count else {
            throw .open(.system(call: "pwrite", path: path, code: errno))
        }
    }

    private static func random() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

extension StoreOptions {
    private static let powerCutVariable = "PMEMSTORE_POWER_CUT"

    /// The same options with what the environment asks for where they leave it open.
    func completedByEnvironment() throws(StoreError) -> StoreOptions {
        guard powerCut == nil, let value = unsafe getenv(Self.powerCutVariable) else { return self }
        let text = unsafe String(cString: value)
        guard let mode = PowerCutMode(text) else {
            let reason = "'\(text)' is neither SEED nor SEED,LOSTFENCES"
            throw .open(.invalidOption(name: Self.powerCutVariable, reason: reason))
        }
        var result = self
        result.powerCut = mode
        return result
    }

    /// Refuses values that cannot be, before anything is touched.
    func validate() throws(StoreError) {
        if logBytes < 65_536 {
            throw .open(.invalidOption(name: "logBytes", reason: "\(logBytes) is less than 65536"))
        }
        if logBytes > 1 << 32 {
            throw .open(.invalidOption(name: "logBytes", reason: "\(logBytes) is more than 4 GiB"))
        }
        if recoveryTimeTargetNanoseconds < 1_000_000 {
            throw .open(
                .invalidOption(
                    name: "recoveryTimeTargetNanoseconds", reason: "less than a millisecond cannot be kept"))
        }
    }
}
