/** A note as the API sends it. */
export interface Note {
	id: number;
	text: string;
	done: boolean;
	created_at: string;
}
