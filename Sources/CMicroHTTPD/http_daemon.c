#include "http_daemon.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Bytes requested from a stream in one read.
enum { stream_block = 4096 };

struct ttms_http_daemon {
    struct MHD_Daemon *mhd;
    ttms_http_callbacks callbacks;
    // Listening socket after the quiesce. The library leaves its closing to the caller, after the daemon has stopped.
    MHD_socket quiesced;
};

// Record of a connection's latest request, made before the library cuts the request up.
typedef struct {
    // Target as received, up to its first zero, in the library's memory.
    const char *target;
    size_t target_size;
    // Copy of the target; NULL when memory is short.
    char *copy;
} connection_notes;

static struct MHD_Connection *mhd_connection(ttms_http_connection *connection) {
    return (struct MHD_Connection *)connection;
}

static void log_message(void *context, const char *format, va_list arguments) {
    ttms_http_daemon *daemon = context;
    char message[512];
    vsnprintf(message, sizeof message, format, arguments);
    daemon->callbacks.log(daemon->callbacks.context, format, message);
}

// Leaves escapes as they are: decoded here, `%2F` would look like a separator and `%00` would end the string.
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

static connection_notes *notes_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

// The only moment at which the target is whole: after it, the library puts zeros for `?`, `&` and `=`.
static void *note_target(void *context, const char *target, struct MHD_Connection *connection) {
    (void)context;
    connection_notes *notes = notes_of(connection);
    if (notes != NULL) {
        free(notes->copy);
        *notes = (connection_notes){target, strlen(target), strdup(target)};
    }
    // The library passes it on as the context of the request, which begins later.
    return NULL;
}

static enum MHD_Result handle(
    void *context,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const char *version,
    const char *upload,
    size_t *upload_size,
    void **request
) {
    ttms_http_daemon *daemon = context;
    const ttms_http_callbacks *callbacks = &daemon->callbacks;
    if (*request == NULL) {
        *request = callbacks->begin(callbacks->context, (ttms_http_connection *)connection, method, url, version);
        return MHD_YES;
    }
    if (*upload_size != 0) {
        bool goes_on = callbacks->receive(*request, (const uint8_t *)upload, *upload_size);
        *upload_size = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    return callbacks->respond(*request) ? MHD_YES : MHD_NO;
}

static void complete(
    void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code
) {
    ttms_http_daemon *daemon = context;
    (void)connection;
    (void)code;
    if (*request == NULL) return;
    daemon->callbacks.complete(*request);
    *request = NULL;
}

static void connection_changed(
    void *context, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code
) {
    ttms_http_daemon *daemon = context;
    const ttms_http_callbacks *callbacks = &daemon->callbacks;
    int descriptor = ttms_http_descriptor((ttms_http_connection *)connection);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        // Without it, every request of the connection is refused: its head cannot be trusted.
        *socket_context = calloc(1, sizeof(connection_notes));
        callbacks->opened(callbacks->context, (ttms_http_connection *)connection, descriptor);
    } else {
        connection_notes *notes = *socket_context;
        callbacks->closed(callbacks->context, descriptor);
        if (notes != NULL) free(notes->copy);
        free(notes);
        *socket_context = NULL;
    }
}

ttms_http_daemon *ttms_http_start(
    const ttms_http_options *options, const ttms_http_callbacks *callbacks, int *error
) {
    char service[6];
    snprintf(service, sizeof service, "%u", options->port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *address = NULL;
    *error = EINVAL;
    if (getaddrinfo(options->host, service, &hints, &address) != 0) return NULL;

    ttms_http_daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        *error = ENOMEM;
        freeaddrinfo(address);
        return NULL;
    }
    daemon->callbacks = *callbacks;
    daemon->quiesced = MHD_INVALID_SOCKET;

    // epoll, since select() fails for descriptors above 1023, which a process with many terminals reaches.
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (address->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    errno = 0;
    // The port is in the address only. With a port argument as well, the library reports the argument as the bound port.
    daemon->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, &handle, daemon,
        MHD_OPTION_EXTERNAL_LOGGER, &log_message, daemon,
        MHD_OPTION_SOCK_ADDR, address->ai_addr,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)options->connection_limit,
        // No timeout: the library's timer counts a request that arrives late as silence, and closes the connection unread.
        MHD_OPTION_CONNECTION_TIMEOUT, 0,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory,
        // Its strict mode answers a missing Host twice over; RequestFraming checks that instead.
        MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_UNESCAPE_CALLBACK, &keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, &note_target, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, &complete, daemon,
        MHD_OPTION_NOTIFY_CONNECTION, &connection_changed, daemon,
        MHD_OPTION_END
    );
    *error = errno;
    freeaddrinfo(address);
    if (daemon->mhd == NULL) {
        free(daemon);
        return NULL;
    }
    return daemon;
}

uint16_t ttms_http_port(ttms_http_daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}

void ttms_http_quiesce(ttms_http_daemon *daemon) {
    if (daemon->quiesced != MHD_INVALID_SOCKET) return;
    daemon->quiesced = MHD_quiesce_daemon(daemon->mhd);
    // The library no longer polls the socket. After the shutdown it refuses clients instead of letting them wait in its backlog.
    if (daemon->quiesced != MHD_INVALID_SOCKET) shutdown(daemon->quiesced, SHUT_RDWR);
}

void ttms_http_stop(ttms_http_daemon *daemon) {
    MHD_stop_daemon(daemon->mhd);
    if (daemon->quiesced != MHD_INVALID_SOCKET) close(daemon->quiesced);
    free(daemon);
}

typedef struct {
    void *context;
    void (*visit)(void *, const uint8_t *, size_t, const uint8_t *, size_t);
} visitor;

static enum MHD_Result visit(
    void *context,
    enum MHD_ValueKind kind,
    const char *name,
    size_t name_size,
    const char *value,
    size_t value_size
) {
    const visitor *visitor = context;
    (void)kind;
    visitor->visit(visitor->context, (const uint8_t *)name, name_size, (const uint8_t *)value, value_size);
    return MHD_YES;
}

void ttms_http_headers(
    ttms_http_connection *connection,
    void *context,
    void (*body)(void *, const uint8_t *, size_t, const uint8_t *, size_t)
) {
    visitor visitor = {context, body};
    MHD_get_connection_values_n(mhd_connection(connection), MHD_HEADER_KIND, &visit, &visitor);
}

// A header's name and value are in place as received, with zeros for the colon and the blanks in between. A header that the library
// has joined is elsewhere, because it was copied.
static enum MHD_Result find_folded(
    void *context,
    enum MHD_ValueKind kind,
    const char *name,
    size_t name_size,
    const char *value,
    size_t value_size
) {
    bool *is_folded = context;
    (void)kind;
    (void)value_size;
    uintptr_t between = (uintptr_t)name + name_size;
    if (value == NULL || (uintptr_t)value <= between) {
        *is_folded = true;
        return MHD_NO;
    }
    for (; between < (uintptr_t)value; between++) {
        char byte = *(const char *)between;
        if (byte != '\0' && byte != ' ' && byte != '\t') {
            *is_folded = true;
            return MHD_NO;
        }
    }
    return MHD_YES;
}

// Later releases join folded headers correctly, refuse zeros themselves, and store heads elsewhere.
static bool cuts_heads_in_place(void) {
    int major = 0, minor = 0, patch = 0;
    if (sscanf(MHD_get_version(), "%d.%d.%d", &major, &minor, &patch) != 3) return false;
    return major == 0 && (minor < 9 || (minor == 9 && patch < 77));
}

bool ttms_http_has_folded_header(ttms_http_connection *connection) {
    bool is_folded = false;
    if (!cuts_heads_in_place()) return false;
    MHD_get_connection_values_n(mhd_connection(connection), MHD_HEADER_KIND, &find_folded, &is_folded);
    return is_folded;
}

// Iteration over the lines of a head, from which the library has returned strings.
typedef struct {
    // Start of the next line.
    const char *line;
    bool is_exact;
} head_walk;

static bool are_zeros(const char *bytes, size_t count) {
    while (count > 0) {
        if (bytes[--count] != '\0') return false;
    }
    return true;
}

// Each name begins at the end of the line before. Each value is followed by exactly the zeros that replace CRLF.
static enum MHD_Result step_over_header(
    void *context,
    enum MHD_ValueKind kind,
    const char *name,
    size_t name_size,
    const char *value,
    size_t value_size
) {
    head_walk *walk = context;
    (void)kind;
    walk->is_exact = false;
    if (value == NULL || name != walk->line || name[name_size] != '\0') return MHD_NO;
    const char *start = name + name_size + 1;
    start += strspn(start, " \t");
    if (start != value || !are_zeros(value + value_size, 2)) return MHD_NO;
    walk->is_exact = true;
    walk->line = value + value_size + 2;
    return MHD_YES;
}

bool ttms_http_has_hidden_bytes(ttms_http_connection *connection, const char *method, const char *version) {
    if (!cuts_heads_in_place()) return false;
    const connection_notes *notes = notes_of(mhd_connection(connection));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd_connection(connection), MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (notes == NULL || notes->target == NULL || info == NULL) return true;
    if (notes->target != method + strlen(method) + 1) return true;
    if (version != notes->target + notes->target_size + 1) return true;
    size_t version_size = strlen(version);
    if (!are_zeros(version + version_size, 2)) return true;
    head_walk walk = {version + version_size + 2, true};
    MHD_get_connection_values_n(mhd_connection(connection), MHD_HEADER_KIND, &step_over_header, &walk);
    // The rest is the empty line.
    return !walk.is_exact || walk.line + 2 != method + info->header_size || !are_zeros(walk.line, 2);
}

const char *ttms_http_target(ttms_http_connection *connection) {
    const connection_notes *notes = notes_of(mhd_connection(connection));
    return notes == NULL ? NULL : notes->copy;
}

bool ttms_http_remote_address(ttms_http_connection *connection, char *text) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd_connection(connection), MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) return false;
    socklen_t size = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    return getnameinfo(info->client_addr, size, text, TTMS_HTTP_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0;
}

int ttms_http_descriptor(ttms_http_connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd_connection(connection), MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

void ttms_http_suspend(ttms_http_connection *connection) {
    MHD_suspend_connection(mhd_connection(connection));
}

void ttms_http_resume(ttms_http_connection *connection) {
    MHD_resume_connection(mhd_connection(connection));
}

ttms_http_response *ttms_http_response_create(const void *body, size_t size) {
    // MUST_COPY only reads the buffer; the parameter is not const for the sake of the other modes.
    return (ttms_http_response *)MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
}

typedef struct {
    void *context;
    ptrdiff_t (*read)(void *, uint8_t *, size_t);
    void (*release)(void *);
} stream;

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t size) {
    const stream *stream = context;
    (void)position;
    ptrdiff_t count = stream->read(stream->context, (uint8_t *)buffer, size);
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

static void release_stream(void *context) {
    stream *stream = context;
    stream->release(stream->context);
    free(stream);
}

ttms_http_response *ttms_http_response_create_stream(
    void *context, ptrdiff_t (*read)(void *, uint8_t *, size_t), void (*release)(void *)
) {
    stream *content = malloc(sizeof *content);
    if (content != NULL) {
        *content = (stream){context, read, release};
        struct MHD_Response *response = MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, stream_block, &read_stream, content, &release_stream
        );
        if (response != NULL) return (ttms_http_response *)response;
        free(content);
    }
    release(context);
    return NULL;
}

bool ttms_http_response_announce_keep_alive(ttms_http_response *response) {
    return MHD_set_response_options(
        (struct MHD_Response *)response, MHD_RF_SEND_KEEP_ALIVE_HEADER, MHD_RO_END
    ) == MHD_YES;
}

bool ttms_http_response_add(ttms_http_response *response, const char *name, const char *value) {
    return MHD_add_response_header((struct MHD_Response *)response, name, value) == MHD_YES;
}

bool ttms_http_reply(ttms_http_connection *connection, ttms_http_response *response, uint32_t status) {
    enum MHD_Result result = MHD_queue_response(mhd_connection(connection), status, (struct MHD_Response *)response);
    MHD_destroy_response((struct MHD_Response *)response);
    return result == MHD_YES;
}
