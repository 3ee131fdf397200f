import Foundation
import Glibc

/// The use of processor, memory and files by a server's process, from `/proc`.
struct ServerSample: Equatable, Sendable {
    /// Processor time since the process began, user and system, in seconds; the kernel counts in hundredths.
    var cpuSeconds: Double
    /// The part used by SwiftNIO's event loops, in seconds: the cost of relaying in a relay that also does other work. `nil`
    /// for a server without such threads.
    var eventLoopSeconds: Double?
    /// Bytes of its memory that are in RAM.
    var residentBytes: Int
    /// The same, with memory shared with other processes counted in parts; `nil` if it may not be read.
    var proportionalBytes: Int?
    var threads: Int
    /// Open files; `nil` if they may not be counted.
    var openFiles: Int?
    /// Bytes of its store on disk; `nil` if its place is not known.
    var storeBytes: Int?
}

/// A process that is measured. It may belong to another user: values that cannot be read then are left out.
struct ServerProcess: Equatable, Sendable {
    var pid: Int32
    /// The directory of its store, if it has one.
    var storeDirectory: String?

    /// Reads the present values.
    ///
    /// - Throws: ``LoadFailure`` when it has ended.
    func sample() throws(LoadFailure) -> ServerSample {
        guard let stat = self.read("stat"), let usage = Self.usage(stat: stat, tick: sysconf(Int32(_SC_CLK_TCK))) else {
            throw LoadFailure("process \(self.pid), which was to be measured, has ended, or is no process")
        }
        return ServerSample(
            cpuSeconds: usage.cpuSeconds,
            eventLoopSeconds: self.eventLoopSeconds,
            residentBytes: usage.residentPages * sysconf(Int32(_SC_PAGESIZE)),
            proportionalBytes: self.read("smaps_rollup").flatMap { Self.field("Pss:", of: $0) }.map { $0 * 1_024 },
            threads: usage.threads,
            openFiles: (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(self.pid)/fd"))?.count,
            storeBytes: self.storeDirectory.map(Self.bytesOnDisk)
        )
    }

    /// The number of files that it may have open; `nil` if that may not be read.
    var openFileLimit: Int? {
        guard let line = self.read("limits")?.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }) else {
            return nil
        }
        return line.split(separator: " ").dropFirst(3).first.flatMap { Int($0) }
    }

    /// The beginning of the names that SwiftNIO gives its event loops' threads. The kernel stores the first 15 bytes of a name.
    private static let eventLoopName = "NIO-ELT-"

    private var eventLoopSeconds: Double? {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(self.pid)/task")) ?? []
        let seconds = threads.compactMap { thread -> Double? in
            guard self.read("task/\(thread)/comm")?.hasPrefix(Self.eventLoopName) == true else { return nil }
            // The first number is the time on a processor in nanoseconds; see the kernel's documentation of schedstat.
            return self.read("task/\(thread)/schedstat")?.split(separator: " ").first.flatMap { Double($0) }.map { $0 / 1e9 }
        }
        return seconds.isEmpty ? nil : seconds.reduce(0, +)
    }

    private func read(_ file: String) -> String? {
        (try? Data(contentsOf: URL(filePath: "/proc/\(self.pid)/\(file)"))).map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Reading /proc

    /// Reads `/proc/<pid>/stat`; see proc(5). The name in parentheses may itself hold spaces and parentheses.
    static func usage(stat: String, tick: Int) -> (cpuSeconds: Double, threads: Int, residentPages: Int)? {
        guard let end = stat.lastIndex(of: ")"), tick > 0 else { return nil }
        // The first field after the name is field 3.
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 21, let user = Int(fields[11]), let system = Int(fields[12]), let threads = Int(fields[17]),
            let pages = Int(fields[21])
        else { return nil }
        return (Double(user + system) / Double(tick), threads, pages)
    }

    /// The number after a name, in a file with one name per line.
    static func field(_ name: String, of text: String) -> Int? {
        text.split(separator: "\n").first { $0.hasPrefix(name) }
            .flatMap { $0.dropFirst(name.count).split(separator: " ").first }.flatMap { Int($0) }
    }

    /// The bytes on disk of the files below a directory; a file that is removed meanwhile counts as 0.
    private static func bytesOnDisk(_ directory: String) -> Int {
        let files = FileManager.default.enumerator(atPath: directory)
        var bytes = 0
        while let file = files?.nextObject() as? String {
            var status = stat()
            if lstat(directory + "/" + file, &status) == 0 { bytes += Int(status.st_blocks) * 512 }
        }
        return bytes
    }

    /// Processor time of this process, the generator, in seconds.
    static var ownCPUSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}
