import Glibc

/// Standard input, output and error, as whoever started the program left them.
enum StandardDescriptors {
    /// Takes the place of those that are closed, so that no socket and no file of the store gets their numbers and then the
    /// output. Each is opened against its direction: reading and writing it fails, as with a closed one.
    static func reserve() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest free number, which is this one: those below are open by now.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
