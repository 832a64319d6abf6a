package dev.relaypass.support

import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.SECONDS
import kotlin.concurrent.thread

/** A server that takes connections and never answers. */
class SilentServer : AutoCloseable {
    private val server = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val asked = LinkedBlockingQueue<Socket>()
    private val accepting =
        thread(isDaemon = true) {
            runCatching {
                while (true) {
                    val socket = server.accept()
                    socket.soTimeout = 20_000
                    asked.add(socket)
                }
            }
        }

    val url = "http://127.0.0.1:${server.localPort}"

    /** The next connection on which a request arrives. */
    fun asked(): Connection {
        val socket = checkNotNull(asked.poll(20, SECONDS)) { "nobody connects" }
        check(socket.getInputStream().read() >= 0) { "nothing is asked" }
        return Connection(socket)
    }

    override fun close() {
        server.close()
        accepting.join()
        asked.forEach(Socket::close)
    }

    class Connection(
        private val socket: Socket,
    ) {
        /** Returns when the other side has hung up; fails if it does not. */
        fun hungUp() {
            socket.getInputStream().readAllBytes()
            socket.close()
        }
    }
}
