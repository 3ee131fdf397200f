import Testing

@testable import ttms_relayd

struct MountTableTests {
    @Test("a directory below a mount point without its disk is found, and no other")
    func missing() {
        let configured = """
            # <file system> <mount point> <type>
            UUID=1 / ext4 defaults 0 1
            UUID=2 /var/lib/ttms-relay/ ext4 defaults 0 2
            UUID=3\t/srv/a\\040b ext4 noauto 0 2
            UUID=4 /data ext4 defaults 0 2
            UUID=5 none swap sw 0 0
            #UUID=6 /old ext4 defaults 0 2
            broken
            """
        let table = MountTable(configured: configured, mounted: "/dev/sda1 / ext4 rw 0 0\n/dev/sdd1 /data ext4 rw 0 0\n")
        let rows: [(path: String, missing: String?)] = [
            ("/var/lib/ttms-relay", "/var/lib/ttms-relay"), ("/var/lib/ttms-relay/data", "/var/lib/ttms-relay"),
            ("/var/lib/ttms-relay2", nil), ("/var/lib", nil), ("/srv/a b/x", "/srv/a b"), ("/data/x", nil), ("/old/x", nil),
            ("/x", nil),
        ]
        for row in rows { #expect(table.missingMount(of: row.path) == row.missing, "\(row.path)") }
        #expect(MountTable(configured: "", mounted: "").missingMount(of: "/x") == nil)
    }
}
