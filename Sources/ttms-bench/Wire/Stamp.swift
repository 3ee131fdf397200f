/// The beginning of every payload of the load generator: its due time, its sender and its number.
///
///     offset 0       8     12        16        20
///            time    run   source    number
///
/// The numbers are in this machine's byte order: sender and receiver are the same process.
struct Stamp: Equatable {
    /// The due time, in nanoseconds of ``LoadClock``.
    var intended: UInt64
    /// A random number of the run, which distinguishes its frames from those that an earlier one has left in the relay.
    var run: UInt32
    /// The sender's index in its run.
    var source: UInt32
    /// The number of the frame among those of `source`.
    var number: UInt32

    /// Bytes of a stamp, the smallest payload.
    static let size = 20

    @inline(__always)
    func write(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: self.intended, as: UInt64.self)
        target.storeBytes(of: self.run, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: self.source, toByteOffset: 12, as: UInt32.self)
        target.storeBytes(of: self.number, toByteOffset: 16, as: UInt32.self)
    }
}

extension Stamp {
    /// Reads the stamp of a payload; `nil` when the payload is too short.
    @inline(__always)
    init?(_ payload: UnsafeRawBufferPointer) {
        guard payload.count >= Self.size else { return nil }
        self.intended = payload.loadUnaligned(as: UInt64.self)
        self.run = payload.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
        self.source = payload.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
        self.number = payload.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
    }
}
