from socket import AF_INET, SOCK_STREAM, socket

welcoming_socket = socket(AF_INET, SOCK_STREAM)  # a telephone
welcoming_socket.bind(("", 12000))  # with a number
welcoming_socket.listen()  # that may ring
while True:
    connection_socket, caller = welcoming_socket.accept()  # picked up: a line to one caller
    sentence = connection_socket.recv(1024).decode()
    connection_socket.send(sentence.upper().encode())
    connection_socket.close()  # hung up
