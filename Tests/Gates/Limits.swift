/// What the gates allow.
///
/// Measured on 2026-11-23 (x86-64, Debian 12, Swift 6.3.1, SwiftNIO 2.101.3) by `make gates`, which prints what it has measured. When a
/// gate is red for a good reason, as after an update of the compiler or of SwiftNIO, measure anew in the same way, and say the reason
/// in the commit that raises the limit. Lower it when the relay has become cheaper: what is far below its limit is not guarded.
extension Traffic {
    /// Allocations per frame. None belongs to a frame: measured were 0.00002 to 0.0003 and 0.0003 to 0.0007, by timers and rings that
    /// grow, and more of them the slower the machine is.
    var allocationLimit: Double {
        switch self {
        case .pipelined: 0.001
        case .unpipelined: 0.005
        }
    }

    /// Instructions per frame in user space, of all threads: measured were 557 to 562 and 10,890 to 11,080; and 10 % more.
    var instructionLimit: Double {
        switch self {
        case .pipelined: 615
        case .unpipelined: 12_000
        }
    }
}
