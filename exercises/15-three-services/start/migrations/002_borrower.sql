ALTER TABLE tools ADD COLUMN borrower text;
