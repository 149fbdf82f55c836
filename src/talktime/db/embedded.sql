-- Run once by the single-user server while a data directory is made: the application's own database.
CREATE DATABASE talktime;
