// SPDX-License-Identifier: Apache-2.0
// Tests of the authentication of store clients and servers.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "raw_member.hpp"
#include "store/handshake.hpp"
#include "store/secret.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;
using store::ClientHandshake;
using store::Kind;
using store::ServerHandshake;

const store::Hello kHello{"job", {"host", 17, 18}, 10s};

TEST_CASE("a client with the server's secret is accepted, also if the secret has arbitrary bytes") {
  TcpStoreOptions options;
  options.secret = std::string("a secret with \n any ") + '\0' + " bytes";
  StoreServer server(options, StoreServer::Serves::one_job);
  options.port = server.port();
  make_tcp_store(options)->set("key", "value");
}

TEST_CASE("a different or missing secret is refused at once, and the error contains no secret") {
  for (const auto& [ours, theirs] :
       {std::pair{"hush-a", "hush-b"}, {"hush-a", ""}, {"", "hush-b"}}) {
    TcpStoreOptions options;
    options.secret = theirs;
    StoreServer server(options, StoreServer::Serves::one_job);
    options = options_for(server);
    options.secret = ours;
    const auto error = error_of([&] { make_tcp_store(options); });
    check_error(error, Errc::refused, {"secret", server.url()});
    CHECK(!contains(error.value().what(), "hush"));
  }
}

TEST_CASE("client and server each prove that they have the secret") {
  ClientHandshake client(kHello, "secret", "url");
  ServerHandshake server("secret");
  const auto challenge = server.accept({Kind::hello, 0, client.hello()});
  REQUIRE(challenge.has_value());
  const std::string proof = client.answer({Kind::challenge, 0, *challenge});
  CHECK(!server.accept({Kind::proof, 0, proof}).has_value());
  CHECK(server.hello().job == "job");
  CHECK(server.hello().process.pid == 17);
  CHECK(server.hello().liveness == 10s);
  CHECK(client.finish({Kind::welcome, 0, store::encode_welcome({{"h", 1, 2}, true})}).server.host ==
        "h");
}

TEST_CASE("a proof is invalid on another connection") {
  ClientHandshake client(kHello, "secret", "url");
  ServerHandshake first("secret"), second("secret");
  const std::string proof =
      client.answer({Kind::challenge, 0, *first.accept({Kind::hello, 0, client.hello()})});
  const auto challenge = *second.accept({Kind::hello, 0, client.hello()});
  check_error([&] { second.accept({Kind::proof, 0, proof}); }, Errc::refused);
  // A challenge for one hello is invalid for another hello.
  ClientHandshake other(kHello, "secret", "url");
  check_error([&] { other.answer({Kind::challenge, 0, challenge}); }, Errc::refused);
}

TEST_CASE("a proof that is reflected to its sender is refused") {
  ClientHandshake client(kHello, "secret", "url");
  ServerHandshake server("secret");
  const std::string challenge = *server.accept({Kind::hello, 0, client.hello()});
  // The server's proof is at the end of the challenge: a length of 4 bytes and 32 bytes.
  const std::string reflected = challenge.substr(challenge.size() - 36);
  check_error([&] { server.accept({Kind::proof, 0, reflected}); }, Errc::refused);
}

TEST_CASE("a hello that was altered in transit is detected") {
  ClientHandshake client(kHello, "secret", "url");
  ServerHandshake server("secret");
  std::string changed = client.hello();
  changed[changed.find("job")] = 'J';
  const std::string challenge = *server.accept({Kind::hello, 0, changed});
  check_error([&] { client.answer({Kind::challenge, 0, challenge}); }, Errc::refused);
}

TEST_CASE("a client with a secret refuses a server without a secret") {
  ClientHandshake client(kHello, "secret", "url");
  ServerHandshake server("");
  const std::string challenge = *server.accept({Kind::hello, 0, client.hello()});
  check_error([&] { client.answer({Kind::challenge, 0, challenge}); }, Errc::refused);
}

TEST_CASE("a client detects a peer that is not a store") {
  for (const std::string& said : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
                                  std::string("\x04\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0abcd", 20)}) {
    const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listening.get(), 1) == 0);
    ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length);
    std::thread other([&] {
      RawSocket peer(Fd(::accept(listening.get(), nullptr, nullptr)));
      peer.send(said);
      peer.receive_all();
    });
    TcpStoreOptions options;
    options.port = ntohs(address.sin_port);
    options.timeout = kAmple;
    check_error([&] { make_tcp_store(options); }, Errc::refused, {"not a symmem store"});
    other.join();
  }
}

/// A file in the temporary directory. The destructor removes the file.
struct SecretFile {
  SecretFile(const std::string& content, mode_t mode) {
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
  }
  ~SecretFile() { std::filesystem::remove(path); }
  const std::string path =
      std::filesystem::temp_directory_path() / ("symmem-secret-test-" + std::to_string(::getpid()));
};

TEST_CASE("a secret is the content of its file without one trailing newline") {
  CHECK(store::read_secret_file(SecretFile("hush\n", 0600).path) == "hush");
  CHECK(store::read_secret_file(SecretFile("hush\n\n", 0400).path) == "hush\n");
  CHECK(store::read_secret_file(SecretFile("hush", 0600).path) == "hush");
}

TEST_CASE("a secret file that other users may access or that is not a valid file is refused") {
  for (const mode_t mode : {0640, 0604, 0620}) {
    const SecretFile file("hush", mode);
    const auto error = error_of([&] { store::read_secret_file(file.path); });
    check_error(error, Errc::refused, {file.path});
    CHECK(!contains(error.value().what(), "hush"));
  }
  if (::geteuid() == 0) {
    const SecretFile file("hush", 0600);
    REQUIRE(::chown(file.path.c_str(), 12345, 12345) == 0);
    check_error([&] { store::read_secret_file(file.path); }, Errc::refused,
                {file.path, "belongs to user 12345"});
  }
  for (const std::string& content : {std::string(), std::string("\n"), std::string(5000, 'h')}) {
    const SecretFile file(content, 0600);
    check_error([&] { store::read_secret_file(file.path); }, Errc::invalid_argument);
  }
  for (const char* path : {"/no/such/file", "/", "/dev/null"})
    check_error([&] { store::read_secret_file(path); }, Errc::invalid_argument);
}

}  // namespace
}  // namespace symmem
