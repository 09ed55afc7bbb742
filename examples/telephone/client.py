from socket import AF_INET, SOCK_STREAM, socket

client_socket = socket(AF_INET, SOCK_STREAM)
client_socket.connect(("server", 12000))  # dial
sentence = input("Say something in small letters: ")
client_socket.send(sentence.encode())
answer = client_socket.recv(1024)
print("\nThe server says:", answer.decode())
client_socket.close()  # hang up
