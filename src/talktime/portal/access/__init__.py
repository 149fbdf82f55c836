"""How people come in and go out: links, sign-in, sign-up, sessions, members."""
