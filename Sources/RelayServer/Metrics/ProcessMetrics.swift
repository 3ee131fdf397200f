import RelayCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Resource use of the process, under the names that Prometheus's own libraries use, so that dashboards know them.
enum ProcessMetrics {
    /// Metrics that the system does not report are left out.
    static func families(startedAt: Timestamp) -> [MetricFamily] {
        var families = [
            MetricFamily(
                "process_start_time_seconds",
                .gauge,
                help: "When the process started, in seconds since 1970.",
                value: Double(startedAt.microseconds) / 1_000_000
            )
        ]
        var usage = rusage()
        if getrusage(self.ownUsage, &usage) == 0 {
            families.append(
                MetricFamily(
                    "process_cpu_seconds_total",
                    .counter,
                    help: "Processor time of all threads, the kernel's for them included.",
                    value: self.seconds(usage.ru_utime) + self.seconds(usage.ru_stime)
                )
            )
        }
        if let bytes = self.residentBytes {
            families.append(
                MetricFamily("process_resident_memory_bytes", .gauge, help: "Memory that the process has in use.", value: bytes)
            )
        }
        if let files = self.openFiles {
            families.append(
                MetricFamily("process_open_fds", .gauge, help: "Open files, connections included.", value: files)
            )
        }
        var limit = rlimit()
        if getrlimit(self.fileLimit, &limit) == 0 {
            families.append(
                MetricFamily("process_max_fds", .gauge, help: "Files that may be open.", value: Double(limit.rlim_cur))
            )
        }
        return families
    }

    #if canImport(Glibc)
    private static let ownUsage = RUSAGE_SELF.rawValue
    private static let fileLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    private static let ownUsage = RUSAGE_SELF
    private static let fileLimit = RLIMIT_NOFILE
    #endif

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
    }

    /// The second number of `/proc/self/statm`, in pages.
    private static var residentBytes: Int? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let size = read(descriptor, &buffer, buffer.count)
        let numbers = String(decoding: buffer.prefix(max(size, 0)), as: UTF8.self).split(separator: " ")
        guard numbers.count > 1, let pages = Int(numbers[1]) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The size of `/proc/self/fd`, which is the number of its files since Linux 6.2. Before that, its entries, less its own two
    /// and the one that it is read by: with 15,000 connections that takes milliseconds.
    private static var openFiles: Int? {
        var status = stat()
        if stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int(status.st_size) }
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        return entries - 3
    }
}
