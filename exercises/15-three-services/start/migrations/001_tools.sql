CREATE TABLE tools (
    id serial PRIMARY KEY,
    name text NOT NULL
);

INSERT INTO tools (name) VALUES ('drill'), ('ladder'), ('soldering iron');
